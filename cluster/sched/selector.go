package sched

import (
	"fmt"
	"slices"
	"strings"
)

// Op compares a node's label with the values of a condition.
type Op int

// The comparisons. A node without the label satisfies NotEqual and NotIn.
const (
	Equal Op = iota
	NotEqual
	In
	NotIn
)

// Condition is one demand on a node's labels.
type Condition struct {
	Key    string   `json:"key"`
	Op     Op       `json:"op,omitzero"`
	Values []string `json:"values"` // one for Equal and NotEqual
}

// Selector holds if all its conditions do. The empty one selects every node.
type Selector []Condition

// Matches reports whether a node with these labels is selected.
func (s Selector) Matches(labels map[string]string) bool {
	for i := range s {
		if !s[i].matches(labels) {
			return false
		}
	}
	return true
}

func (c *Condition) matches(labels map[string]string) bool {
	value, ok := labels[c.Key]
	among := ok && slices.Contains(c.Values, value)
	if c.Op == NotEqual || c.Op == NotIn {
		return !among
	}
	return among
}

// String writes the condition as ParseSelector reads it.
func (c Condition) String() string {
	switch c.Op {
	case NotEqual:
		return c.Key + "!=" + strings.Join(c.Values, "|")
	case In:
		return c.Key + " in (" + strings.Join(c.Values, ", ") + ")"
	case NotIn:
		return c.Key + " not in (" + strings.Join(c.Values, ", ") + ")"
	}
	return c.Key + "=" + strings.Join(c.Values, "|")
}

// String writes the selector as ParseSelector reads it.
func (s Selector) String() string {
	parts := make([]string, len(s))
	for i, c := range s {
		parts[i] = c.String()
	}
	return strings.Join(parts, ", ")
}

// ParseSelector reads conditions with commas between them:
//
//	zone=eu, disk!=hdd, gpu in (a100, h100), tier not in (spot)
func ParseSelector(text string) (Selector, error) {
	var s Selector
	rest := strings.TrimSpace(text)
	for rest != "" {
		var c Condition
		var err error
		if c, rest, err = parseCondition(rest); err != nil {
			return nil, err
		}
		s = append(s, c)
		if rest == "" {
			break
		}
		after, ok := strings.CutPrefix(rest, ",")
		rest = strings.TrimSpace(after)
		if !ok || rest == "" {
			return nil, &SelectorError{text, "a comma stands between two conditions"}
		}
	}
	return s, nil
}

// parseCondition reads one condition and returns what follows it.
func parseCondition(text string) (c Condition, rest string, err error) {
	c.Key, rest = word(text)
	if c.Key == "" {
		return c, "", &SelectorError{text, "a condition begins with a label's name"}
	}
	if after, ok := strings.CutPrefix(rest, "="); ok {
		c.Op = Equal
		return c.single(text, after)
	}
	if after, ok := strings.CutPrefix(rest, "!="); ok {
		c.Op = NotEqual
		return c.single(text, after)
	}
	operator, after := word(rest)
	c.Op = In
	if operator == "not" {
		c.Op = NotIn
		operator, after = word(after)
	}
	if operator != "in" {
		return c, "", &SelectorError{text, "after the label's name comes =, !=, in or not in"}
	}
	return c.list(text, after)
}

// single reads the value of = and !=.
func (c Condition) single(text, rest string) (Condition, string, error) {
	value, rest := word(strings.TrimSpace(rest))
	if value == "" {
		return c, "", &SelectorError{text, "a value comes after = and !="}
	}
	c.Values = []string{value}
	return c, rest, nil
}

// list reads the values of in and not in.
func (c Condition) list(text, rest string) (Condition, string, error) {
	want := "in is followed by values in parentheses, as in (a, b)"
	inside, ok := strings.CutPrefix(rest, "(")
	if !ok {
		return c, "", &SelectorError{text, want}
	}
	inside, rest, ok = strings.Cut(inside, ")")
	if !ok {
		return c, "", &SelectorError{text, want}
	}
	for part := range strings.SplitSeq(inside, ",") {
		value, more := word(strings.TrimSpace(part))
		if value == "" || more != "" {
			return c, "", &SelectorError{text, want}
		}
		c.Values = append(c.Values, value)
	}
	return c, strings.TrimSpace(rest), nil
}

// word cuts a label's name or value off the front, and the blanks after it.
func word(text string) (word, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !labelRune(r) })
	if end < 0 {
		end = len(text)
	}
	return text[:end], strings.TrimSpace(text[end:])
}

// labelRune says what names and values of labels are made of.
func labelRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
}

// ValidLabel reports whether text may be the name or value of a label: letters, digits and - _ . / :
func ValidLabel(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !labelRune(r) }) < 0
}

// SelectorError tells that a label selector cannot be read.
type SelectorError struct {
	Text string // from where it went wrong
	Want string
}

// Error quotes the text and says what is allowed.
func (e *SelectorError) Error() string {
	return fmt.Sprintf("label selector at %.40q: %s", e.Text, e.Want)
}
