package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// text is the value of a flag. what stands for it in the help, as in --port PORT.
type text struct {
	to   *string
	what string
}

func (t text) String() string { return *t.to }

func (t text) Set(s string) error { *t.to = s; return nil }

func (t text) Type() string { return t.what }

// textFlag declares a flag whose value is checked by whoever uses it.
func textFlag(cmd *cobra.Command, to *string, name, what, usage string) {
	cmd.Flags().Var(text{to, what}, name, usage)
}

// choice is the value of a flag that is one of a few.
type choice struct {
	to *string
	of []string
}

func (c choice) String() string { return *c.to }

func (c choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		if len(c.of) == 2 {
			return fmt.Errorf("is neither %s nor %s", c.of[0], c.of[1])
		}
		return fmt.Errorf("is none of %s", strings.Join(c.of, ", "))
	}
	*c.to = s
	return nil
}

func (c choice) Type() string { return strings.Join(c.of, "|") }

// choiceFlag declares a flag whose value is one of a few, the first where it is not given. letter is its short form, or "".
func choiceFlag(cmd *cobra.Command, to *string, name, letter string, of []string, usage string) {
	*to = of[0]
	cmd.Flags().VarP(choice{to, of}, name, letter, usage)
	completeFlag(cmd, name, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp))
}

// count is the value of a flag that is a number from 0 on.
type count struct{ to *int }

func (c count) String() string { return strconv.Itoa(*c.to) }

func (c count) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return errors.New("is no number from 0 on")
	}
	*c.to = int(n)
	return nil
}

func (count) Type() string { return "N" }

// countFlag declares a flag that is a number from 0 on.
func countFlag(cmd *cobra.Command, to *int, name string, value int, usage string) {
	*to = value
	cmd.Flags().Var(count{to}, name, usage)
}

// The formats of --output.
const (
	asTable = "table"
	asJSON  = "json"
)

// outputFlag declares --output.
func outputFlag(cmd *cobra.Command, to *string) {
	choiceFlag(cmd, to, "output", "o", []string{asTable, asJSON}, "how to show it: for people, or for programs")
}

// given are the flags of a command line that were set, as arguments for another process, without some.
func given(flags *pflag.FlagSet, without ...string) (args []string) {
	flags.Visit(func(f *pflag.Flag) {
		if !slices.Contains(without, f.Name) {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args
}
