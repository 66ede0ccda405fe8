package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"mobula/cluster/node"
)

// completionTime bounds how long a cluster may take to answer somebody who has pressed the tab key.
const completionTime = 700 * time.Millisecond

// maxCompletions bounds what is offered.
const maxCompletions = 200

// completionCommand prints what makes a shell complete mobula's command lines.
func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "print the script by which a shell completes command lines of mobula",
		Long: `Print the script that completes mobula's command lines in a shell: commands, flags, and what they
take. Ids and names of what runs are asked of the cluster that --address or MOBULA_ADDRESS names, else
of one of this machine. The script for bash needs the package bash-completion.`,
		Example: `  source <(mobula completion bash)      # for this shell
  mobula completion bash > ~/.local/share/bash-completion/completions/mobula
  mobula completion zsh > "${fpath[1]}/_mobula"
  mobula completion fish > ~/.config/fish/completions/mobula.fish`,
		DisableFlagsInUseLine: true,
		ValidArgs:             shells,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return misuse("name a shell: %s", strings.Join(shells, ", "))
			case len(args) > 1:
				return misuse("unexpected argument %q", args[1])
			case !slices.Contains(shells, args[0]):
				return misuse("there is no script for %q%s: there are some for %s", args[0], meant(args[0], shells, ""), strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return root.GenPowerShellCompletionWithDesc(out)
		},
	}
}

// completeFlag says how the value of a flag is completed.
func completeFlag(cmd *cobra.Command, name string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, f); err != nil {
		panic(err) // a bug: there is no such flag, or it has one
	}
}

// noCompletion is for flags whose values are of the user's making.
func noCompletion(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		completeFlag(cmd, name, cobra.NoFileCompletions)
	}
}

// completeDirs is for flags and arguments that are folders.
func completeDirs(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeLevels completes log levels.
var completeLevels = cobra.FixedCompletions([]cobra.Completion{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp)

// completeNodes completes addresses of the nodes of this user on this machine.
func completeNodes(*cobra.Command, []string, string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, n := range node.Here() {
		all = append(all, cobra.CompletionWithDesc(n.Address, "node "+oneLine(n.Name)))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// completeKinds completes the first argument as a kind of things.
func completeKinds(_ *cobra.Command, args []string, begin string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			if strings.HasPrefix(name, begin) {
				all = append(all, name)
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// rowsSoon lists things for a completion: none where the cluster does not answer soon.
func (c *clusterFlags) rowsSoon(ctx context.Context, k kind) *table {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	client, err := c.connect(ctx)
	if err != nil {
		return &table{columns: k.columns}
	}
	defer client.Close()
	t, err := k.list(ctx, client, time.Now())
	if err != nil {
		return &table{columns: k.columns}
	}
	return t
}

// completeThings completes ids and names of things of a kind.
func (c *clusterFlags) completeThings(ctx context.Context, k kind, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return c.rowsSoon(ctx, k).completions(begin), cobra.ShellCompDirectiveNoFileComp
}

// completions are the ids of rows, and those names that only one of them has.
func (t *table) completions(begin string) (all []cobra.Completion) {
	named := map[string]int{}
	for _, r := range t.rows {
		named[r.name(t.columns)]++
	}
	for _, r := range t.rows {
		name := r.name(t.columns)
		if named[name] == 1 && isWord(name) && strings.HasPrefix(name, begin) {
			all = append(all, cobra.CompletionWithDesc(name, t.describe(r, false)))
		} else if id := r.cells[0]; strings.HasPrefix(id, begin) {
			all = append(all, cobra.CompletionWithDesc(id, t.describe(r, true)))
		}
	}
	return all[:min(len(all), maxCompletions)]
}

// describe says in a few words what a row is.
func (t *table) describe(r row, named bool) string {
	var words []string
	for _, column := range []string{"NAME", "CLASS", "STATE", "NODE"} {
		if i := slices.Index(t.columns, column); i > 0 && r.cells[i] != noCell && (named || column != "NAME") {
			words = append(words, oneLine(r.cells[i]))
		}
	}
	return strings.Join(words, ", ")
}

// isWord reports whether a shell takes a name as it is.
func isWord(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./@+,", r)
	})
}

// completeFilter completes COLUMN=VALUE, also after others and a comma, with what there is in the rows.
func (c *clusterFlags) completeFilter(cmd *cobra.Command, args []string, begin string) (all []cobra.Completion, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, k, err := kindNamed(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	i := strings.LastIndexByte(begin, ',') + 1
	before, last := begin[:i], begin[i:]
	column, value, valued := strings.Cut(last, "=")
	if !valued {
		for _, name := range k.columns {
			if name = strings.ToLower(name); strings.HasPrefix(name, strings.ToLower(column)) {
				all = append(all, before+name+"=")
			}
		}
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	at := slices.IndexFunc(k.columns, func(name string) bool { return strings.EqualFold(name, column) })
	if at < 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	values := map[string]bool{}
	for _, r := range c.rowsSoon(cmd.Context(), k).rows {
		if cell := r.cells[at]; isWord(cell) && !strings.Contains(cell, ",") && strings.HasPrefix(cell, value) {
			values[cell] = true
		}
	}
	for _, v := range slices.Sorted(maps.Keys(values)) {
		all = append(all, before+column+"="+v)
	}
	return all[:min(len(all), maxCompletions)], cobra.ShellCompDirectiveNoFileComp
}
