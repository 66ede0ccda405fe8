// The command line, put together of one file for each command, or small family of commands.
//
// How to add a command:
//
//   - Write a file with  func jobCommand() *cobra.Command , and add that function to its group below. The commands of a family are added to
//     a first one, which has neither Args nor Run:  mobula job  then shows its help.
//   - Give it Short (no capital, no full stop), Long where one line does not tell enough, and an Example of whole lines, each with "  mobula " before it.
//   - Set Args: noArgs, or a function that returns misuse(...). RunE looks for mistakes before it does anything. misuse says what is wrong and
//     how it is meant; the name of the command, and how to get its help, are added. Other errors say what failed, where, and what to do next.
//   - Declare flags with textFlag, choiceFlag and countFlag, which show what stands for their values, or with cmd.Flags(). What a flag is where it is not
//     given stands in its description where help does not show it by itself: (default $MOBULA_ADDRESS), or (required).
//   - Complete what is one of few words, or names something that runs (completion.go): choiceFlag does so, completeFlag and ValidArgsFunction are for the
//     others; c.completeThings offers ids and names of things of a kind.
//   - For a command about a cluster:  var c clusterFlags ;  c.register(cmd)  declares --address, --token and --output (c.registerAddress only the first
//     two); client, err := c.connect(cmd.Context())  is a headwire.Caller. c.output is asTable or asJSON: use table.write, or writeJSON. Output
//     goes to cmd.OutOrStdout(), warnings to cmd.ErrOrStderr(), warnOfMissing for nodes that did not answer.
//   - Put wrong input into a file of testdata/errors, a line for each, and run  go test -update ./cmd/mobula : it writes what is answered there, and
//     the help to testdata/help. The tests in tree_test.go fail where one of all this lacks, and where an example does not parse.
//
// Exit codes: 1 for an error, 2 for misuse, and that of an exitError, for a command that has said by itself why it failed.

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Groups of commands, in the order in which help shows them.
var groups = []struct {
	id, title string
	commands  []func() *cobra.Command
}{
	{"kernel", "The kernel:", []func() *cobra.Command{
		kernelCommand,
		labCommand,
	}},
	{"programs", "Programs:", []func() *cobra.Command{
		buildCommand,
		runCommand,
		testCommand,
		vetCommand,
	}},
	{"cluster", "The cluster:", []func() *cobra.Command{
		startCommand,
		stopCommand,
		headCommand,
		drainCommand,
		statusCommand,
		dashboardCommand,
		listCommand,
		getCommand,
		summaryCommand,
		logsCommand,
		memoryCommand,
		timelineCommand,
		gpusCommand,
		doctorCommand,
	}},
	{"jobs", "Jobs:", []func() *cobra.Command{
		jobCommand,
	}},
	{"notebooks", "Notebooks:", []func() *cobra.Command{
		notebookCommand,
	}},
	{"other", "Other:", []func() *cobra.Command{
		versionCommand,
		helpCommand,
		completionCommand,
		exitCodesTopic,
		hostCommand,
	}},
}

// newRoot assembles the command line.
func newRoot(out, errs io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:     "mobula",
		Short:   "mobula is a Jupyter kernel for Go with a distributed runtime behind it",
		Long:    "Mobula is a Jupyter kernel for Go with a distributed runtime behind it.",
		Version: version,
		Args:    cobra.ArbitraryArgs, // dispatch has looked for the command
		Example: `  mobula lab                        # open JupyterLab with the kernel in it
  mobula kernel install             # tell Jupyter about the kernel
  mobula start --head               # make a cluster of this machine
  mobula status                     # see what it has
  mobula list tasks                 # see what it does`,
		SilenceErrors: true, SilenceUsage: true, DisableFlagsInUseLine: true,
	}
	root.SetOut(out)
	root.SetErr(errs)
	root.Flags().BoolP("version", "v", false, "show the version")
	root.SetVersionTemplate(versionLine() + "\n")
	root.SetFlagErrorFunc(flagMisuse)
	root.CompletionOptions.DisableDefaultCmd = true
	for _, g := range groups {
		if len(g.commands) == 0 {
			continue
		}
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, command := range g.commands {
			cmd := command()
			if cmd.Name() == helpName {
				root.SetHelpCommand(cmd)
				root.InitDefaultHelpCmd()
			} else {
				root.AddCommand(cmd)
			}
			if cmd.Runnable() || cmd.HasSubCommands() { // else it is a topic of help
				cmd.GroupID = g.id
			}
		}
	}
	setDefaults(root)
	return root
}

// setDefaults gives a command, and all below it, the flag --help, a sentence where there is no longer text, and no completion by files where
// it does not say otherwise.
func setDefaults(cmd *cobra.Command) {
	cmd.Flags().BoolP("help", "h", false, "show this help")
	if cmd.Long == "" {
		cmd.Long = strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + "."
	}
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil && !cmd.DisableFlagParsing {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		setDefaults(sub)
	}
}

// execute runs a command line, and returns what the process exits with.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	cmd, err := dispatch(ctx, newRoot(out, errs), args)
	return report(errs, cmd, err)
}

// dispatch runs the command that is named, and returns it.
func dispatch(ctx context.Context, root *cobra.Command, args []string) (*cobra.Command, error) {
	if len(args) > 0 && args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		cmd, rest, err := root.Find(args)
		if err != nil {
			return root, misuse("%v", err)
		}
		if cmd.HasSubCommands() && !cmd.Runnable() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			return cmd, unknownCommand(cmd, rest[0])
		}
	}
	if args == nil {
		args = []string{} // nil would be those of the process
	}
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if _, misused := errors.AsType[usageError](err); misused {
		err = cmp.Or(oneDash(cmd, args), err)
	}
	return cmd, err
}
