package magic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"mobula/internal/nearest"
)

// verb is a word behind a magic, as connect is in  %cluster connect .
type verb struct {
	usage, help string
	run         func(ctx context.Context, env *Env, args []string) error
}

// runVerb runs the first of some words as a verb of a magic; help lists them.
func runVerb(ctx context.Context, env *Env, magic string, verbs map[string]verb, words []string) error {
	names := slices.Sorted(maps.Keys(verbs))
	if words[0] == "help" {
		for _, name := range names {
			env.Stdout(fmt.Sprintf("%%%s %s\n    %s\n", magic, verbs[name].usage, verbs[name].help))
		}
		return nil
	}
	v, ok := verbs[words[0]]
	if !ok {
		hint := "there are " + strings.Join(names, ", ")
		if near, ok := nearest.Name(words[0], names, 2); ok {
			hint = "did you mean " + near + "?"
		}
		return fmt.Errorf("%q is not known: %s (%%%s help tells more)", words[0], hint, magic)
	}
	err := v.run(ctx, env, words[1:])
	if _, ok := errors.AsType[misuse](err); ok {
		err = fmt.Errorf("%s: %w; use  %%%s %s", words[0], err, magic, v.usage)
	}
	return err
}

// misuse is a mistake in the words behind a verb.
type misuse struct{ text string }

func (m misuse) Error() string { return m.text }

// verbFlags reads the flags of a verb, which may stand anywhere, and returns the other words, at most so many.
func verbFlags(verb string, args []string, most int, register func(f *flag.FlagSet)) (words []string, err error) {
	f := flag.NewFlagSet(verb, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	register(f)
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, misuse{err.Error()}
		}
		if args = f.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	if len(words) > most {
		return nil, misuse{fmt.Sprintf("%q is one word too many", words[most])}
	}
	return words, nil
}
