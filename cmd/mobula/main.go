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

	"mobula/cluster/gpu/nvml"
	"mobula/internal/nearest"
	"mobula/interp/yaegi"
)

// version is set by the release build.
var version = "0.1.0"

const usage = `mobula is a Jupyter kernel for Go with a distributed runtime behind it.

Usage:
  mobula kernel install [--user | --sys-prefix | --prefix DIR]
                        tell Jupyter about the kernel "Go (Mobula)"; --user is the default
  mobula kernel uninstall [--user | --sys-prefix | --prefix DIR]
  mobula kernel prepare build the session host now instead of at the first cell
  mobula kernel -f FILE [--log-level LEVEL] [--log-file FILE]
                        run the kernel; Jupyter does this
  mobula build | run | test | vet [arguments of the go command]
                        build a program that imports "mobula", with the SDK that this binary carries

  mobula start --head [--host HOST] [--port PORT] [--dir DIR] [--name NAME]
                        make a cluster: its head and a node of this machine
  mobula start --address HOST:PORT --token FILE [--host HOST]
                        join one with a node of this machine
      both take         --num-cpus N --num-gpus N --memory SIZE --object-store SIZE
                        --job-quota SIZE (what the objects of one job may take of the store)
                        --resources NAME=N,... --labels NAME=VALUE,... --node-name NAME
                        --background --log-level LEVEL --log-file FILE
  mobula stop [--all] [--force]
                        end the nodes that were started on this machine; --all: those of notebooks and programs, too
  mobula status         what the cluster has, and what waits
  mobula list nodes|workers|tasks|actors|objects|jobs|groups|leases
                        [--filter COLUMN=VALUE,...] [--limit N]
  mobula get KIND ID    one of them
  mobula summary KIND   how many of them, by name and state
  mobula logs [worker ID | task ID] [--tail N] [--follow]
  mobula memory         who holds memory
  mobula timeline [FILE]
                        when which task ran where, as a Chrome trace
      all of these take --address HOST:PORT --token FILE, or the variables
                        MOBULA_ADDRESS and MOBULA_TOKEN, and --format table|json

  mobula gpus [--json]  the GPUs of this machine, whether they work, and which a node here would offer
  mobula version
  mobula help
`

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func main() {
	nvml.Main() // where this process was started to look for GPUs
	err := run(context.Background(), os.Args[1:], os.Stdout)
	exit, said := errors.AsType[exitError](err)
	switch _, misused := errors.AsType[usageError](err); {
	case err == nil:
	case said:
		os.Exit(exit.code)
	case misused:
		fmt.Fprintf(os.Stderr, "mobula: %v\nRun  mobula help  for what there is.\n", err)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "mobula: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	err := dispatch(ctx, args, out)
	if errors.Is(err, flag.ErrHelp) { // as in  mobula list --help
		_, err = io.WriteString(out, usage)
	}
	return err
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return usageError{"no command given"}
	}
	switch args[0] {
	case "kernel":
		return kernelCommand(ctx, args[1:], out)
	case "build", "run", "test", "vet":
		return runGo(ctx, args)
	case "host":
		return hostCommand(ctx, args[1:])
	case "start":
		return startCommand(ctx, args[1:], out)
	case "stop":
		return stopCommand(ctx, args[1:], out)
	case "status":
		return statusCommand(ctx, args[1:], out)
	case "list", "get":
		return listCommand(ctx, args[0], args[1:], out)
	case "summary":
		return summaryCommand(ctx, args[1:], out)
	case "logs":
		return logsCommand(ctx, args[1:], out)
	case "memory":
		return memoryCommand(ctx, args[1:], out)
	case "gpus":
		return gpusCommand(ctx, args[1:], out)
	case "timeline":
		return timelineCommand(ctx, args[1:], out)
	case "version", "--version", "-version":
		_, err := fmt.Fprintf(out, "mobula %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	case "help", "--help", "-help", "-h":
		_, err := io.WriteString(out, usage)
		return err
	default:
		return usageError{fmt.Sprintf("unknown command %q%s", args[0], meant(args[0], commands, ""))}
	}
}

// commands are what users call; Jupyter and the kernel call others, too.
var commands = strings.Fields("kernel build run test vet start stop status list get summary logs memory timeline gpus version help")

// meant suggests the name that a misspelt one may stand for; "" where none is near.
func meant(name string, known []string, prefix string) string {
	if near, ok := nearest.Name(name, known, 2); ok {
		return fmt.Sprintf(" (did you mean %s%s?)", prefix, near)
	}
	return ""
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
		return flagMistake(flags, err)
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Sprintf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))}
	}
	return nil
}

// flagMistake says what is wrong with a command's flags; a wish for help is flag.ErrHelp.
func flagMistake(flags *flag.FlagSet, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	hint := ""
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		var known []string
		flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
		hint = meant(name, known, "--")
	}
	return usageError{fmt.Sprintf("%s: %v%s", flags.Name(), err, hint)}
}

// hostCommand is the process in which cells are interpreted; the kernel starts it.
func hostCommand(ctx context.Context, args []string) error {
	if len(args) != 1 || args[0] != "--interpreted" {
		return usageError{"host is started by the kernel, with --interpreted"}
	}
	return yaegi.Main(ctx)
}
