package filepack

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// The files with rules, in the order in which they count: the last rule that matches decides.
var ignoreFiles = [...]string{".gitignore", ".mobulaignore"}

// rule is a line of an ignore file.
type rule struct {
	segments []string // of the pattern; "**" stands for any number of them
	keep     bool     // what matches is not left out
	folders  bool     // only folders match
}

// rules are those of a folder and, through above, of the folders that it is in.
type rules struct {
	folder string // "." or with slashes
	list   []rule
	above  *rules
}

// enter adds the rules of a folder, if it has any.
func (r *rules) enter(root *os.Root, folder string) (*rules, error) {
	var list []rule
	for _, name := range ignoreFiles {
		text, err := root.ReadFile(path.Join(folder, name))
		switch {
		case err == nil:
			list = append(list, parseRules(string(text))...)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(list) == 0 {
		return r, nil
	}
	return &rules{folder: folder, list: list, above: r}, nil
}

// ignores reports whether a file or folder, whose folder is not ignored, is.
func (r *rules) ignores(name string, folder bool) bool {
	for ; r != nil; r = r.above {
		below, ok := within(r.folder, name)
		if !ok {
			continue
		}
		for i := len(r.list) - 1; i >= 0; i-- {
			if r.list[i].matches(below, folder) {
				return !r.list[i].keep
			}
		}
	}
	return false
}

// within is a name as seen from a folder.
func within(folder, name string) (string, bool) {
	if folder == "." {
		return name, true
	}
	return strings.CutPrefix(name, folder+"/")
}

func parseRules(text string) (list []rule) {
	for line := range strings.Lines(text) {
		if r, ok := parseRule(strings.TrimRight(line, "\r\n")); ok {
			list = append(list, r)
		}
	}
	return list
}

// parseRule reads a line as gitignore(5) tells.
func parseRule(line string) (r rule, ok bool) {
	line = trimBlanks(line)
	if strings.HasPrefix(line, "#") {
		return r, false
	}
	line, r.keep = strings.CutPrefix(line, "!")
	line, r.folders = strings.CutSuffix(line, "/")
	if line == "" {
		return r, false
	}
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if !anchored {
		r.segments = []string{"**"}
	}
	for segment := range strings.SplitSeq(line, "/") {
		if segment == "**" && len(r.segments) > 0 && r.segments[len(r.segments)-1] == "**" {
			continue
		}
		if segment != "**" {
			segment = asGlob(segment)
		}
		r.segments = append(r.segments, segment)
	}
	return r, true
}

// trimBlanks cuts blanks at the end, but for one behind a backslash.
func trimBlanks(line string) string {
	trimmed := strings.TrimRight(line, " ")
	slashes := len(trimmed) - len(strings.TrimRight(trimmed, `\`))
	if slashes%2 == 1 && len(trimmed) < len(line) {
		return trimmed + " "
	}
	return trimmed
}

// asGlob writes a segment as path.Match reads it, where a class is negated by ^ alone and two stars are one.
func asGlob(segment string) string {
	for strings.Contains(segment, "**") {
		segment = strings.ReplaceAll(segment, "**", "*")
	}
	return strings.ReplaceAll(segment, "[!", "[^")
}

// matches compares a name, as seen from the folder of the rule.
func (r *rule) matches(name string, folder bool) bool {
	return (folder || !r.folders) && matchSegments(r.segments, strings.Split(name, "/"))
}

// matchSegments goes back to the last "**" only: what matched an earlier one is not made better by giving it more. At the end "**" stands for
// at least one: a/** is what is in a.
func matchSegments(pattern, name []string) bool {
	star, tried := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == "**":
			if p == len(pattern)-1 {
				return true
			}
			star, tried = p, n
			p++
		case p < len(pattern) && matchSegment(pattern[p], name[n]):
			p++
			n++
		case star >= 0:
			tried++
			p, n = star+1, tried
		default:
			return false
		}
	}
	return p == len(pattern)
}

// matchSegment matches nothing by a pattern that cannot be read, as git does.
func matchSegment(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
