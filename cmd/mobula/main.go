// Command mobula is the Go Jupyter kernel and what installs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"mobula/interp/yaegi"
)

// version is set by the release build.
var version = "0.1.0"

const usage = `mobula is a Jupyter kernel for Go.

Usage:
  mobula kernel install [--user | --sys-prefix | --prefix DIR]
                        tell Jupyter about the kernel "Go (Mobula)"; --user is the default
  mobula kernel uninstall [--user | --sys-prefix | --prefix DIR]
  mobula kernel prepare build the session host now instead of at the first cell
  mobula kernel -f FILE [--log-level LEVEL] [--log-file FILE]
                        run the kernel; Jupyter does this
  mobula version
  mobula help
`

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	switch _, misused := errors.AsType[usageError](err); {
	case err == nil:
	case misused:
		fmt.Fprintf(os.Stderr, "mobula: %v\nRun  mobula help  for what there is.\n", err)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "mobula: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return usageError{"no command given"}
	}
	switch args[0] {
	case "kernel":
		return kernelCommand(ctx, args[1:], out)
	case "host":
		return hostCommand(ctx, args[1:])
	case "version", "--version", "-version":
		_, err := fmt.Fprintf(out, "mobula %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	case "help", "--help", "-help", "-h":
		_, err := io.WriteString(out, usage)
		return err
	default:
		return usageError{fmt.Sprintf("unknown command %q", args[0])}
	}
}

func kernelCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return usageError{"kernel is started by Jupyter, with -f FILE; to make Jupyter know it, run  mobula kernel install"}
	}
	switch {
	case args[0] == "install":
		return install(ctx, args[1:], out)
	case args[0] == "uninstall":
		return uninstall(ctx, args[1:], out)
	case args[0] == "prepare":
		return prepare(ctx, args[1:], out)
	case strings.HasPrefix(args[0], "-"):
		return serve(ctx, args)
	default:
		return usageError{fmt.Sprintf("unknown command \"kernel %s\"", args[0])}
	}
}

// parse reads the flags of a command, which takes no other arguments.
func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args); err != nil {
		return usageError{fmt.Sprintf("%s: %v", flags.Name(), err)}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

// hostCommand is the process in which cells are interpreted; the kernel starts it.
func hostCommand(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "--interpreted" {
		return usageError{"host is started by the kernel, with --interpreted"}
	}
	return yaegi.Main(ctx)
}
