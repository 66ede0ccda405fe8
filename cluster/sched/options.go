package sched

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Options are what a user may ask for a task or an actor, as far as scheduling and its lifetime go.
type Options struct {
	Resources Resources
	Selector  Selector
	Fallbacks []Selector
	Strategy  Strategy
	Retries   int // of a task after a failure of the system; -1 for no bound

	Actor       bool
	Name        string
	Namespace   string
	Detached    bool // the actor outlives its job
	GetIfExists bool // the actor of that name, if there is one
	Restarts    int  // of an actor; -1 for no bound
	CallRetries int  // of an actor's calls; -1 for no bound
	Concurrency int  // calls of an actor that run at once; 0 for 1
}

// OptionError tells that an option, or a combination of options, is not allowed.
type OptionError struct {
	Option  string
	Value   string
	Allowed string
}

// Error names the option, its value and what is allowed.
func (e *OptionError) Error() string {
	return fmt.Sprintf("option %s is %q: it must be %s", e.Option, e.Value, e.Allowed)
}

// Validate reports all mistakes as OptionErrors, joined, or nil.
func (o *Options) Validate() error {
	found := o.Resources.mistakes()
	for i, s := range append([]Selector{o.Selector}, o.Fallbacks...) {
		option := "labels"
		if i > 0 {
			option = fmt.Sprintf("fallback %d", i)
		}
		found = append(found, s.mistakes(option)...)
	}
	found = append(found, o.strategyMistakes()...)
	found = append(found, o.lifetimeMistakes()...)
	return errors.Join(found...)
}

// Validate reports all mistakes in a set that a user asks for, joined, or nil.
func (r Resources) Validate() error { return errors.Join(r.mistakes()...) }

func (r Resources) mistakes() (found []error) {
	refuse := func(option, value, allowed string) {
		found = append(found, &OptionError{option, value, allowed})
	}
	if r.CPU < 0 {
		refuse(CPU, r.CPU.String(), "0 or more")
	}
	switch {
	case r.GPU < 0:
		refuse(GPU, r.GPU.String(), "0 or more")
	case r.GPU > One && r.GPU%One != 0:
		refuse(GPU, r.GPU.String(), fmt.Sprintf("a share of one device (up to 1) or whole devices (here %d or %d)", r.GPU/One, r.GPU/One+1))
	}
	if r.Memory < 0 {
		refuse(Memory, strconv.FormatInt(r.Memory, 10), "0 bytes or more")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Custom)) {
		switch {
		case name == CPU || name == GPU || name == Memory:
			refuse("resource", name, "a name of your own: cpu, gpu and memory have their own options")
		case !ValidLabel(name):
			refuse("resource", name, "a name of letters, digits and - _ . / :")
		case r.Custom[name] < 0:
			refuse("resource "+name, r.Custom[name].String(), "0 or more")
		}
	}
	return found
}

func (s Selector) mistakes(option string) (found []error) {
	for _, c := range s {
		single := c.Op == Equal || c.Op == NotEqual
		switch {
		case c.Op < Equal || c.Op > NotIn:
			found = append(found, &OptionError{option, c.Key, "compared with =, !=, in or not in"})
		case !ValidLabel(c.Key) || slices.ContainsFunc(c.Values, func(v string) bool { return !ValidLabel(v) }):
			found = append(found, &OptionError{option, c.String(), "made of letters, digits and - _ . / :"})
		case len(c.Values) == 0 || single && len(c.Values) != 1:
			found = append(found, &OptionError{option, c.String(), "one value after = and !=, one or more after in and not in"})
		}
	}
	return found
}

func (o *Options) strategyMistakes() (found []error) {
	refuse := func(option, value, allowed string) {
		found = append(found, &OptionError{option, value, allowed})
	}
	s, labels := o.Strategy, len(o.Selector)+len(o.Fallbacks) > 0
	switch {
	case s.Kind < Default || s.Kind > GroupBundle:
		refuse("strategy", strconv.Itoa(int(s.Kind)), "default, spread, a node or a placement group")
	case s.Kind == NodeAffinity && s.Node.IsZero():
		refuse("strategy", "node", "given the id of a node")
	case s.Kind == NodeAffinity && !s.Soft && labels:
		refuse("labels", o.Selector.String(), "left out where one node is asked for")
	case s.Kind == GroupBundle && s.Group.IsZero():
		refuse("strategy", "placement group", "given the id of a placement group")
	case s.Kind == GroupBundle && s.Bundle < AnyBundle:
		refuse("bundle", strconv.Itoa(s.Bundle), "the index of a bundle, or -1 for any")
	case s.Kind == GroupBundle && labels:
		refuse("labels", o.Selector.String(), "left out in a placement group: give them to its bundles")
	}
	if len(o.Fallbacks) > 0 && len(o.Selector) == 0 {
		refuse("fallback 1", o.Fallbacks[0].String(), "left out without labels: all nodes are selected already")
	}
	return found
}

func (o *Options) lifetimeMistakes() (found []error) {
	check := func(bad bool, option, value, allowed string) {
		if bad {
			found = append(found, &OptionError{option, value, allowed})
		}
	}
	if o.Actor {
		check(o.Retries != 0, "retries", strconv.Itoa(o.Retries), "left out for an actor: use restarts and call retries")
		check(o.Detached && o.Name == "", "detached", "true", "used with a name, by which the actor is found again")
		check(o.GetIfExists && o.Name == "", "get if exists", "true", "used with a name")
		check(o.Namespace != "" && o.Name == "", "namespace", o.Namespace, "used with a name")
		check(o.Restarts < -1, "restarts", strconv.Itoa(o.Restarts), "0 or more, or -1 for no bound")
		check(o.CallRetries < -1, "call retries", strconv.Itoa(o.CallRetries), "0 or more, or -1 for no bound")
		check(o.Concurrency < 0, "concurrency", strconv.Itoa(o.Concurrency), "1 or more")
		return found
	}
	check(o.Retries < -1, "retries", strconv.Itoa(o.Retries), "0 or more, or -1 for no bound")
	check(o.Namespace != "", "namespace", o.Namespace, "used for actors only")
	check(o.Detached, "detached", "true", "used for actors only")
	check(o.GetIfExists, "get if exists", "true", "used for actors only")
	check(o.Restarts != 0, "restarts", strconv.Itoa(o.Restarts), "used for actors only; for a task use retries")
	check(o.CallRetries != 0, "call retries", strconv.Itoa(o.CallRetries), "used for actors only; for a task use retries")
	check(o.Concurrency != 0, "concurrency", strconv.Itoa(o.Concurrency), "used for actors only")
	return found
}
