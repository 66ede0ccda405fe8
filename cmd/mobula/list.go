package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// kindNamed finds the kind that a word names, also as one thing: mobula get node ...
func kindNamed(command, word string) (string, error) {
	for _, name := range []string{word, word + "s"} {
		if _, ok := kinds[name]; ok {
			return name, nil
		}
	}
	names := slices.Sorted(maps.Keys(kinds))
	return "", usageError{fmt.Sprintf("%s: %q is nothing to list%s: there are %s", command, word, meant(word, names, ""), strings.Join(names, ", "))}
}

// listCommand is  mobula list KIND  and  mobula get KIND ID.
func listCommand(ctx context.Context, command string, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	c.register(f)
	limit := f.Int("limit", 100, "")
	filter := f.String("filter", "", "")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	want := 1
	if command == "get" {
		want = 2
	}
	if len(words) != want {
		return usageError{map[string]string{"list": "list: name one kind of things, as in  mobula list tasks", "get": "get: name a kind and an id, as in  mobula get task 1a2b3c4d"}[command]}
	}
	kind, err := kindNamed(command, words[0])
	if err != nil {
		return err
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	t, err := kinds[kind].list(ctx, client, time.Now())
	if err != nil {
		return err
	}
	warnOfMissing(os.Stderr, t.missing)
	if command == "get" {
		if err := t.pick("mobula list "+kind+" --limit 0", words[1]); err != nil {
			return err
		}
		return t.writeOne(out, c.format)
	}
	if err := t.filter(*filter); err != nil {
		return err
	}
	return t.write(out, c.format, *limit)
}

// parseMixed reads flags and other words in any order.
func parseMixed(f *flag.FlagSet, args []string) (words []string, err error) {
	f.SetOutput(io.Discard)
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, flagMistake(f, err)
		}
		if args = f.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	return words, nil
}

func summaryCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("summary", flag.ContinueOnError)
	c.register(f)
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return usageError{"summary: name one kind of things, as in  mobula summary tasks"}
	}
	kind, err := kindNamed("summary", words[0])
	if err != nil {
		return err
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	t, err := kinds[kind].list(ctx, client, time.Now())
	if err != nil {
		return err
	}
	warnOfMissing(os.Stderr, t.missing)
	return t.summarize(kinds[kind].by).write(out, c.format, 0)
}
