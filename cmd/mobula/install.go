package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"mobula/kernel/spec"
)

// place reads the flags that say where the kernelspec is.
func place(ctx context.Context, name string, args []string, out io.Writer) (dataDir string, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	user := flags.Bool("user", false, "")
	sys := flags.Bool("sys-prefix", false, "")
	prefix := flags.String("prefix", "", "")
	if err := parse(flags, args); err != nil {
		return "", err
	}
	given := 0
	flags.Visit(func(*flag.Flag) { given++ })
	if given > 1 {
		return "", usageError{name + ": --user, --sys-prefix and --prefix exclude each other"}
	}
	switch {
	case *sys:
		dir, how, err := spec.SysPrefix(ctx)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(out, "The prefix is %s (from %s).\n", dir, how)
		return spec.PrefixDir(dir)
	case *prefix != "":
		return spec.PrefixDir(*prefix)
	case given == 1 && !*user:
		return "", usageError{name + ": --prefix needs a folder"}
	default:
		return spec.UserDir()
	}
}

func install(ctx context.Context, args []string, out io.Writer) error {
	dataDir, err := place(ctx, "kernel install", args, out)
	if err != nil {
		return err
	}
	binary, err := executable()
	if err != nil {
		return err
	}
	dir, err := spec.Install(dataDir, binary)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Installed the kernel %q in %s.\n", spec.DisplayName, dir)
	if err := prepareLater(binary); err != nil {
		fmt.Fprintf(out, "The session host is not being built in the background (%v); the first cell will do it.\n", err)
	}
	return nil
}

func uninstall(ctx context.Context, args []string, out io.Writer) error {
	dataDir, err := place(ctx, "kernel uninstall", args, out)
	if err != nil {
		return err
	}
	dir, err := spec.Uninstall(dataDir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Removed %s.\n", dir)
	return nil
}

// executable is the path of this binary as Jupyter is to start it.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this binary: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("resolve the path of this binary: %w", err)
	}
	return path, nil
}

// prepareLater starts  mobula kernel prepare  as a process that outlives this one.
func prepareLater(binary string) error {
	cmd := exec.Command(binary, "kernel", "prepare")
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

func prepare(ctx context.Context, args []string, out io.Writer) error {
	if err := parse(flag.NewFlagSet("kernel prepare", flag.ContinueOnError), args); err != nil {
		return err
	}
	if err := prepareHost(ctx, func(text string) { fmt.Fprintln(out, text) }); err != nil {
		return fmt.Errorf("build the session host: %w", err)
	}
	_, err := fmt.Fprintln(out, "The session host is built.")
	return err
}
