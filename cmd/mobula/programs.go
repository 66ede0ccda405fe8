package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mobula"
	"mobula/interp/toolchain"
)

// buildCommand is  mobula build.
func buildCommand() *cobra.Command {
	return goCommand("build", "build a program that imports mobula", `  mobula build -o job . && ./job`)
}

// runCommand is  mobula run.
func runCommand() *cobra.Command {
	return goCommand("run", "build and run a program that imports mobula", `  mobula run . --its-own-flag`)
}

// testCommand is  mobula test.
func testCommand() *cobra.Command {
	return goCommand("test", "run the tests of a module that imports mobula", `  mobula test -run TestScore ./...`)
}

// vetCommand is  mobula vet.
func vetCommand() *cobra.Command {
	return goCommand("vet", "look for mistakes in a module that imports mobula", `  mobula vet ./...`)
}

// goCommand is a command of go, in which package mobula can be imported.
func goCommand(verb, short, example string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " [arguments of go " + verb + "]",
		Short: short,
		Long: fmt.Sprintf(`This is  go %[1]s  in the module of the working directory, where package mobula is the SDK that this
binary carries: go.mod need not name it, and stays as it is. A program that is built like this is its
own worker on a cluster.

All arguments are those of  go %[1]s  (see  go help %[1]s ), but for -modfile, which is mobula's own.`, verb),
		Example:               example,
		DisableFlagParsing:    true, // they are those of go
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
				return cmd.Help()
			}
			return runGo(cmd.Context(), "", os.Stdout, verb, args)
		},
	}
}

// runGo runs the go command in the module of a folder ("": the working directory), with the SDK that this binary carries as module mobula. What
// it builds is its own worker.
func runGo(ctx context.Context, dir string, out io.Writer, verb string, args []string) error {
	for _, a := range args {
		if strings.HasPrefix(strings.TrimLeft(a, "-"), "modfile=") || a == "-modfile" || a == "--modfile" {
			return misuse("-modfile is set by mobula itself: leave it out")
		}
	}
	tc, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	gomod, gowork, err := toolchain.GoMod(ctx, tc, dir)
	switch {
	case err != nil:
		return err
	case gomod == "":
		return misuse("no go.mod here: make a module first, as in  go mod init example.com/job")
	case gowork != "":
		return misuse("%s makes this a workspace, in which package mobula cannot be added to a module: try  GOWORK=off mobula %s ...", gowork, verb)
	}
	sdk, err := toolchain.PrepareSDK(ctx, mobula.Source)
	if err != nil {
		return err
	}
	defer sdk.Close()
	modfile, remove, err := sdk.ModFile(ctx, tc, gomod)
	if err != nil {
		return err
	}
	defer remove()
	interrupts := make(chan os.Signal, 1) // the go command gets them, too, and ends first
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	cmd := exec.CommandContext(ctx, tc.GoCmd, append([]string{verb, "-modfile=" + modfile}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, os.Stdin, out, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitError{exitCode(exit.ProcessState)}
	}
	if err != nil {
		return fmt.Errorf("run %s %s: %w", tc.GoCmd, verb, err)
	}
	return nil
}

// exitCode is what a shell shows of a process that has ended: where a signal ended it, 128 and its number.
func exitCode(p *os.ProcessState) int {
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.ExitCode()
}
