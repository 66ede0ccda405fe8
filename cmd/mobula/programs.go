package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"mobula"
	"mobula/interp/toolchain"
)

// runGo runs the go command in the module of the working directory, with the SDK that this binary carries as module mobula. What it builds is
// its own worker.
func runGo(ctx context.Context, args []string) error {
	for _, a := range args[1:] {
		if strings.HasPrefix(strings.TrimLeft(a, "-"), "modfile=") || a == "-modfile" || a == "--modfile" {
			return usageError{args[0] + ": -modfile is set by mobula itself: leave it out"}
		}
	}
	tc, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	gomod, gowork, err := toolchain.GoMod(ctx, tc, "")
	switch {
	case err != nil:
		return err
	case gomod == "":
		return usageError{args[0] + ": no go.mod here: make a module first, as in  go mod init example.com/job"}
	case gowork != "":
		return usageError{fmt.Sprintf("%[1]s: %[2]s makes this a workspace, in which package mobula cannot be added to a module: try  GOWORK=off mobula %[1]s ...", args[0], gowork)}
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
	cmd := exec.CommandContext(ctx, tc.GoCmd, slices.Concat([]string{args[0], "-modfile=" + modfile}, args[1:])...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitError{exit.ExitCode()}
	}
	if err != nil {
		return fmt.Errorf("run %s %s: %w", tc.GoCmd, args[0], err)
	}
	return nil
}

// exitError is the failure of a command that has said why.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }
