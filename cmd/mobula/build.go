package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"mobula"
	"mobula/interp/toolchain"
)

// runGo runs the go command in the module of the working directory, with the SDK that this binary carries as module mobula. What it builds is
// its own worker.
func runGo(ctx context.Context, args []string) error {
	tc, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	gomod, err := toolchain.GoMod(ctx, tc, "")
	if err != nil {
		return err
	}
	if gomod == "" {
		return usageError{args[0] + ": no go.mod here: make a module first, as in  go mod init example.com/job"}
	}
	sdk, err := toolchain.PrepareSDK(ctx, mobula.Source)
	if err != nil {
		return err
	}
	modfile, remove, err := sdk.ModFile(ctx, tc, gomod)
	if err != nil {
		return err
	}
	defer remove()
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-modfile") {
			return usageError{args[0] + ": -modfile is set by mobula itself"}
		}
	}
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
