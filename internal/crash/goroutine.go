package crash

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

var (
	goroutineLine = regexp.MustCompile(`^goroutine (\d+) .*?\[(.*)\]:$`)
	placeLine     = regexp.MustCompile(`^\t(.+):(\d+)(?: \+0x[0-9a-f]+)?(?: .*)?$`)
	quoted        = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// goroutines reads the goroutines of a report. Goroutine 0, on which the runtime itself runs, is left out.
func goroutines(text []byte) []Goroutine {
	var all []Goroutine
	lines := strings.Split(string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))), "\n")
	for i, line := range lines {
		m := goroutineLine.FindStringSubmatch(line)
		if m == nil || len(all) == MaxGoroutines {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n == 0 {
			continue
		}
		g := Goroutine{ID: n, State: m[2], Frames: frames(lines[i+1:])}
		if state, set, ok := strings.Cut(m[2], "labels:{"); ok {
			g.State, g.Labels = strings.TrimSpace(state), labels(set)
		}
		g.State, _, _ = strings.Cut(g.State, ",")
		all = append(all, g)
	}
	return all
}

// labels reads `"a": "b", "c": "d"}`, whose quoting is Go's.
func labels(set string) map[string]string {
	words := quoted.FindAllString(set, -1)
	if len(words) < 2 {
		return nil
	}
	found := make(map[string]string, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		key, err1 := strconv.Unquote(words[i])
		value, err2 := strconv.Unquote(words[i+1])
		if err1 == nil && err2 == nil {
			found[key] = value
		}
	}
	return found
}

// frames reads the stack of a goroutine: a line with the function, a line with the place. The runtime's own frames on top of
// what failed are left out.
func frames(lines []string) []Frame {
	var all []Frame
	lines = lines[:min(len(lines), 4*MaxFrames)] // bounds the work on a damaged report
	for i := 0; i+1 < len(lines) && lines[i] != "" && len(all) < MaxFrames; i++ {
		m := placeLine.FindStringSubmatch(lines[i+1])
		if m == nil {
			continue // "...additional frames elided..." stands alone
		}
		name := function(lines[i])
		i++
		if len(all) == 0 && (strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "internal/runtime/") || name == "panic") {
			continue
		}
		line, err := strconv.Atoi(m[2])
		if err == nil {
			all = append(all, Frame{Func: name, File: m[1], Line: line})
		}
	}
	return all
}

// function takes the name from "main.f(0x1, ...)" and "created by main.f in goroutine 1".
func function(line string) string {
	if name, ok := strings.CutPrefix(line, "created by "); ok {
		name, _, _ = strings.Cut(name, " in goroutine ")
		return name
	}
	if n := strings.LastIndexByte(line, '('); n > 0 && strings.HasSuffix(line, ")") {
		return line[:n]
	}
	return line
}
