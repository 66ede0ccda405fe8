package headwire

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
)

// Needs are a class as the scheduler sees it.
type Needs struct {
	Resources sched.Resources
	Selector  sched.Selector
	Strategy  sched.Strategy
}

// ParseClass reads what tasks of a class need. Its errors are for the user.
func ParseClass(c wire.Class) (n Needs, err error) {
	if n.Resources, err = parseResources(c.Resources); err != nil {
		return n, err
	}
	if n.Selector, err = sched.ParseSelector(strings.Join(c.Selector, ",")); err != nil {
		return n, err
	}
	n.Strategy, err = parseStrategy(c.Strategy)
	return n, err
}

func parseResources(of map[string]float64) (sched.Resources, error) {
	var r sched.Resources
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name == sched.Memory {
			r.Memory = int64(of[name])
			continue
		}
		a, err := sched.AmountOf(of[name])
		if err != nil {
			return r, fmt.Errorf("resource %s: %w", name, err)
		}
		switch name {
		case sched.CPU:
			r.CPU = a
		case sched.GPU:
			r.GPU = a
		default:
			if r.Custom == nil {
				r.Custom = map[string]sched.Amount{}
			}
			r.Custom[name] = a
		}
	}
	return r, r.Validate()
}

func parseStrategy(text string) (s sched.Strategy, err error) {
	switch {
	case text == "" || strings.EqualFold(text, "default"):
		return s, nil
	case strings.EqualFold(text, "spread"):
		return sched.Strategy{Kind: sched.Spread}, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("strategy %.40q is not known: use spread, or leave it out", text)
	}
	return s, nil
}

// StrategyText writes a strategy as wire.Class has it.
func StrategyText(s sched.Strategy) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("headwire: a strategy cannot be encoded: %v", err)) // a bug: it is plain data
	}
	return string(text)
}
