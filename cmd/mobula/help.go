package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const helpName = "help"

// helpCommand is  mobula help COMMAND.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   helpName + " [COMMAND]",
		Short:                 "tell how a command is used",
		DisableFlagsInUseLine: true,
		Example: `  mobula help
  mobula help kernel install
  mobula help exit-codes`,
		Args: func(cmd *cobra.Command, args []string) error {
			_, err := commandNamed(cmd.Root(), args)
			return err
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
			if at, err := commandNamed(cmd.Root(), args); err == nil {
				for _, sub := range at.Commands() {
					if !sub.Hidden && strings.HasPrefix(sub.Name(), begin) {
						all = append(all, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, err := commandNamed(cmd.Root(), args)
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}

// commandNamed finds the command that words name, one below the other.
func commandNamed(at *cobra.Command, words []string) (*cobra.Command, error) {
	for _, word := range words {
		var next *cobra.Command
		for _, sub := range at.Commands() {
			if sub.Name() == word {
				next = sub
			}
		}
		if next == nil {
			return nil, unknownCommand(at, word)
		}
		at = next
	}
	return at, nil
}

// exitCodesTopic is  mobula help exit-codes.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "what mobula exits with",
		Long: `What mobula exits with:

  0  it has done what it was asked for
  1  it has failed: standard error says why, and what to do next
  2  the command line is wrong: standard error says how, and where the help of the command is

mobula build, run, test and vet exit with what the go command exits with; where a signal has ended
it, that is 128 and the signal's number, as in a shell.

mobula job submit exits with what the job exits with, in the same way; it and mobula job logs exit
with 130 where they are interrupted, which leaves the job alone.`,
		Example: `  mobula list nodes --filter state=dead -o json || echo "exit code $?"`,
	}
}
