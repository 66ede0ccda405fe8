package autoscale

import (
	"fmt"
	"strconv"
	"strings"

	"mobula/cluster/sched"
	"mobula/internal/bytesize"
)

// MaxNodes bounds the nodes of a group.
const MaxNodes = 10_000

// Form is how a group is written.
const Form = "NAME=MIN..MAX,cpus=N[,gpus=N][,memory=SIZE][,resource.NAME=N][,label.NAME=VALUE]"

// ParseGroup reads a group of the form Form.
func ParseGroup(text string) (Group, error) {
	parts := strings.Split(text, ",")
	g := Group{}
	name, bounds, ok := strings.Cut(strings.TrimSpace(parts[0]), "=")
	least, most, ranged := strings.Cut(bounds, "..")
	if !ok || !ranged || !sched.ValidLabel(name) {
		return g, fmt.Errorf("%q is no group: it is written %s, as in small=0..4,cpus=2", text, Form)
	}
	g.Name = name
	var err, err2 error
	g.Min, err = strconv.Atoi(least)
	g.Max, err2 = strconv.Atoi(most)
	if err != nil || err2 != nil || g.Min < 0 || g.Max < 1 || g.Min > g.Max || g.Max > MaxNodes {
		return g, fmt.Errorf("group %s: %q are no bounds: they are two numbers from 0 to %d, the greater one last, as in 0..4", name, bounds, MaxNodes)
	}
	given := map[string]bool{}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !ok:
			return g, fmt.Errorf("group %s: %q is not of the form NAME=VALUE", name, part)
		case given[key]:
			return g, fmt.Errorf("group %s: %s is given twice", name, key)
		}
		given[key] = true
		if err := g.set(key, value); err != nil {
			return g, fmt.Errorf("group %s: %s: %w", name, key, err)
		}
	}
	if g.Resources.IsZero() {
		return g, fmt.Errorf("group %s: its nodes have nothing: say what one has, as in cpus=2", name)
	}
	if err := g.Resources.Validate(); err != nil {
		return g, fmt.Errorf("group %s: %w", name, err)
	}
	if g.Resources.GPU%sched.One != 0 {
		return g, fmt.Errorf("group %s: gpus: a node has whole ones", name)
	}
	return g, nil
}

func (g *Group) set(key, value string) (err error) {
	switch kind, name, _ := strings.Cut(key, "."); {
	case key == "cpus":
		g.Resources.CPU, err = sched.ParseAmount(value)
	case key == "gpus":
		g.Resources.GPU, err = sched.ParseAmount(value)
	case key == "memory":
		g.Resources.Memory, err = bytesize.Parse(value)
	case kind == "resource" && sched.ValidLabel(name):
		if g.Resources.Custom == nil {
			g.Resources.Custom = map[string]sched.Amount{}
		}
		g.Resources.Custom[name], err = sched.ParseAmount(value)
	case kind == "label" && sched.ValidLabel(name) && sched.ValidLabel(value):
		if g.Labels == nil {
			g.Labels = map[string]string{}
		}
		g.Labels[name] = value
	default:
		err = fmt.Errorf("a group is written %s", Form)
	}
	return err
}

// ParseGroups reads several groups, each of another name.
func ParseGroups(texts []string) ([]Group, error) {
	var groups []Group
	named := map[string]bool{}
	for _, text := range texts {
		g, err := ParseGroup(text)
		if err != nil {
			return nil, err
		}
		if named[g.Name] {
			return nil, fmt.Errorf("group %s is given twice", g.Name)
		}
		named[g.Name] = true
		groups = append(groups, g)
	}
	return groups, nil
}
