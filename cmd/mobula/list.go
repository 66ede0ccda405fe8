package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// kindsText names the kinds in help.
const kindsText = `heads, nodes, workers, tasks, actors, objects, jobs, groups (placement groups)
and leases (what drivers hold of nodes)`

// kindNamed finds the kind that a word names, also as one thing: mobula get node ...
func kindNamed(word string) (string, kind, error) {
	for _, name := range []string{word, word + "s"} {
		if k, ok := kinds[name]; ok {
			return name, k, nil
		}
	}
	names := slices.Sorted(maps.Keys(kinds))
	return "", kind{}, misuse("%q is nothing to list%s: there are %s", word, meant(word, names, ""), strings.Join(names, ", "))
}

// kindArgs wants the name of a kind and what else there are words for.
func kindArgs(words int, lacking string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < words:
			return misuse("%s", lacking)
		case len(args) > words:
			return misuse("unexpected argument %q", args[words])
		}
		_, _, err := kindNamed(args[0])
		return err
	}
}

// listed asks the cluster for the things that the first argument names.
func (c *clusterFlags) listed(cmd *cobra.Command, args []string) (string, *table, error) {
	name, k, err := kindNamed(args[0])
	if err != nil {
		return "", nil, err
	}
	client, err := c.connect(cmd.Context())
	if err != nil {
		return "", nil, err
	}
	defer client.Close()
	t, err := k.list(cmd.Context(), client, time.Now())
	if err != nil {
		return "", nil, err
	}
	warnOfMissing(cmd.ErrOrStderr(), t.missing)
	return name, t, nil
}

// listCommand is  mobula list KIND.
func listCommand() *cobra.Command {
	var c clusterFlags
	var limit int
	var filter string
	cmd := &cobra.Command{
		Use:   "list KIND",
		Short: "list the things of one kind, such as nodes or tasks",
		Long: `List things of one kind: ` + kindsText + `.

A filter keeps those whose columns have the given values, in small or capital letters. With -o json
the list has all of them, with all that is known of each.`,
		Example: `  mobula list nodes
  mobula list tasks --filter state=failed
  mobula list tasks --filter name=score,node=first --limit 0 -o json`,
		Args:              kindArgs(1, "name one kind of things, as in  mobula list tasks"),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, k, err := kindNamed(args[0])
			if err != nil {
				return err
			}
			wanted, err := parseFilter(filter, k.columns)
			if err != nil {
				return err
			}
			_, t, err := c.listed(cmd, args)
			if err != nil {
				return err
			}
			t.filter(wanted)
			return t.write(cmd.OutOrStdout(), c.output, limit)
		},
	}
	c.register(cmd)
	countFlag(cmd, &limit, "limit", 100, "lines of a table to show; 0: all")
	textFlag(cmd, &filter, "filter", "COLUMN=VALUE,...", "show only those (default all)")
	completeFlag(cmd, "filter", c.completeFilter)
	noCompletion(cmd, "limit")
	return cmd
}

// getCommand is  mobula get KIND ID.
func getCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "get KIND ID",
		Short: "show one thing of a kind",
		Long: `Show one thing of a kind: ` + kindsText + `.

It is named by its name, by its id as lists show it, or by as much of the full id as is needed.`,
		Example: `  mobula get node first
  mobula get task 1a2b3c4d -o json`,
		Args: kindArgs(2, "name a kind and an id, as in  mobula get task 1a2b3c4d"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				if _, k, err := kindNamed(args[0]); err == nil {
					return c.completeThings(cmd.Context(), k, begin)
				}
			}
			return completeKinds(cmd, args, begin)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, t, err := c.listed(cmd, args)
			if err != nil {
				return err
			}
			if err := t.pick("mobula list "+name+" --limit 0", args[1]); err != nil {
				return err
			}
			return t.writeOne(cmd.OutOrStdout(), c.output)
		},
	}
	c.register(cmd)
	return cmd
}

// summaryCommand is  mobula summary KIND.
func summaryCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "summary KIND",
		Short: "count the things of one kind, by name and state",
		Long: `Count the things of one kind: ` + kindsText + `.

They are counted by name, class, node or state, as suits the kind.`,
		Example: `  mobula summary tasks
  mobula summary actors -o json`,
		Args:              kindArgs(1, "name one kind of things, as in  mobula summary tasks"),
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, t, err := c.listed(cmd, args)
			if err != nil {
				return err
			}
			return t.summarize(kinds[name].by).write(cmd.OutOrStdout(), c.output, 0)
		},
	}
	c.register(cmd)
	return cmd
}
