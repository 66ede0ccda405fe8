package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mobula/internal/nearest"
)

// What mobula exits with, but for an exitError.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisuse = 2
)

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// misuse makes the error of a mistake in the command line.
func misuse(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// exitError is the failure of a command that has said why.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// report says how a command has failed, and returns what the process exits with.
func report(errs io.Writer, cmd *cobra.Command, err error) int {
	exit, said := errors.AsType[exitError](err)
	_, misused := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return exitDone
	case said:
		return exit.code
	case misused && !cmd.HasParent():
		fmt.Fprintf(errs, "mobula: %v\nRun  mobula help  for what there is.\n", err)
		return exitMisuse
	case misused:
		fmt.Fprintf(errs, "mobula: %s: %v\nRun  %s --help  for how it is used.\n", pathOf(cmd), err, cmd.CommandPath())
		return exitMisuse
	}
	fmt.Fprintf(errs, "mobula: %v\n", err)
	return exitFailed
}

// pathOf is a command as one writes it after the program's name.
func pathOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// meant suggests the name that a misspelt one may stand for; "" where none is near.
func meant(name string, known []string, prefix string) string {
	if near, ok := nearest.Name(name, known, 2); ok {
		return fmt.Sprintf(" (did you mean %s%s?)", prefix, near)
	}
	return ""
}

// unknownCommand says that a command has no such one below it, and which may be meant: one there, or one of that name elsewhere.
func unknownCommand(cmd *cobra.Command, name string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			known = append(known, sub.Name())
		}
	}
	hint := meant(name, known, "")
	if found := namedAnywhere(cmd.Root(), name); hint == "" && found != nil {
		hint = fmt.Sprintf(" (did you mean %s?)", found.CommandPath())
	}
	return misuse("unknown command %q%s", name, hint)
}

// namedAnywhere finds the command of that name that is nearest to the top.
func namedAnywhere(top *cobra.Command, name string) *cobra.Command {
	for level := []*cobra.Command{top}; len(level) > 0; {
		var below []*cobra.Command
		for _, cmd := range level {
			for _, sub := range cmd.Commands() {
				switch {
				case sub.Hidden:
				case sub.Name() == name:
					return sub
				default:
					below = append(below, sub)
				}
			}
		}
		level = below
	}
	return nil
}

// noArgs is for commands that take flags only.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse("unexpected argument %q", args[0])
	}
	return nil
}

// flagMisuse says what is wrong with a command's flags.
func flagMisuse(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		flag := spelt(e.GetFlag(), e.GetSpecifiedShortnames() != "")
		what, _ := pflag.UnquoteUsage(e.GetFlag())
		return misuse("%s needs a value, as in  %s %s", flag, flag, what)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := spelt(e.GetFlag(), false)
		if e.GetFlag().Value.Type() == "bool" {
			return misuse("%s=%s is neither true nor false", flag, e.GetValue())
		}
		return misuse("%s %s %v", flag, e.GetValue(), e.Unwrap())
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return misuse("%s is no flag", e.GetSpecifiedFlag())
	}
	return misuse("%v", err)
}

// spelt is a flag as one writes it.
func spelt(f *pflag.Flag, short bool) string {
	if short && f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if letters := e.GetSpecifiedShortnames(); letters != "" {
		letters, _, _ = strings.Cut(letters, "=")
		return misuse("unknown flag -%s", letters)
	}
	return misuse("unknown flag --%s%s", e.GetSpecifiedName(), meant(e.GetSpecifiedName(), known, "--"))
}

// oneDash finds a flag that was written as the go command takes it, with one dash: here the letters after that are flags of one letter.
func oneDash(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if arg == "--" || cmd.DisableFlagParsing {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if len(name) < 2 || name[0] == '-' || arg[0] != '-' {
			continue
		}
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if hint := meant(name, known, "--"); hint != "" {
			return misuse("unknown flag -%s%s", name, hint)
		}
	}
	return nil
}
