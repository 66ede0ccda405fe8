package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Range returns the lines from start up to and without stop of a session: 0 or this
// session's number is this one, -1 the one before it. A stop of 0 or less means the end.
func (s *Store) Range(session, start, stop int) []Entry {
	var entries []Entry
	for _, e := range s.load(s.resolve(session)) {
		if e.Line >= start && (stop <= 0 || e.Line < stop) {
			entries = append(entries, e)
		}
	}
	return entries
}

// resolve turns a session counted back from this one into its number.
func (s *Store) resolve(session int) int {
	if session > 0 {
		return session
	}
	if session == 0 {
		return s.session
	}
	before, _ := s.sessions()
	before = slices.DeleteFunc(before, func(n int) bool { return n >= s.session })
	if i := len(before) + session; i >= 0 {
		return before[i]
	}
	return -1
}

// Tail returns the last n entries of all sessions, oldest first.
func (s *Store) Tail(n int) []Entry {
	return s.collect(n, false, func(Entry) bool { return true })
}

// Search returns the last n entries (0: all) whose source matches the glob pattern, oldest
// first; with unique, each source once.
func (s *Store) Search(pattern string, n int, unique bool) []Entry {
	return s.collect(n, unique, func(e Entry) bool { return Match(pattern, e.Source) })
}

func (s *Store) collect(n int, unique bool, keep func(Entry) bool) []Entry {
	var found []Entry
	seen := make(map[string]bool)
	for e := range s.backward() {
		if !keep(e) || unique && seen[e.Source] {
			continue
		}
		seen[e.Source] = unique
		found = append(found, e)
		if n > 0 && len(found) == n {
			break
		}
	}
	slices.Reverse(found)
	return found
}

// backward yields all entries, newest first, and reads files only as far as it is asked.
func (s *Store) backward() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		numbers, _ := s.sessions()
		numbers = slices.DeleteFunc(numbers, func(n int) bool { return n >= s.session })
		for _, n := range slices.Backward(append(numbers, s.session)) {
			for _, e := range slices.Backward(s.load(n)) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// load returns the entries of one session; one that is gone or damaged has fewer.
func (s *Store) load(session int) []Entry {
	if session == s.session {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Clone(s.entries)
	}
	if s.root == nil || session <= 0 {
		return nil
	}
	f, err := s.root.Open(fileName(session))
	if err != nil {
		return nil
	}
	defer f.Close()
	var entries []Entry
	r := bufio.NewReader(io.LimitReader(f, MaxBytes))
	for {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var e Entry
			if json.Unmarshal(line, &e) == nil {
				e.Session = session
				entries = append(entries, e)
			}
		}
		if err != nil {
			return entries
		}
	}
}

// Match reports whether text matches a glob pattern, in which * stands for any text,
// newlines included, ? for one character, and all else for itself.
func Match(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		n, ok := prefix(parts[0], text)
		return ok && n == len(text)
	}
	n, ok := prefix(parts[0], text)
	if !ok {
		return false
	}
	text = text[n:]
	for _, part := range parts[1 : len(parts)-1] {
		at, n := find(part, text)
		if at < 0 {
			return false
		}
		text = text[at+n:]
	}
	last := parts[len(parts)-1]
	for i := range text {
		if n, ok := prefix(last, text[i:]); ok && i+n == len(text) {
			return true
		}
	}
	return last == ""
}

// prefix matches a pattern without * at the start of text and returns how many bytes it took.
func prefix(pattern, text string) (int, bool) {
	rest := text
	for _, want := range pattern {
		if rest == "" {
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(rest)
		if want != '?' && want != r {
			return 0, false
		}
		rest = rest[size:]
	}
	return len(text) - len(rest), true
}

func find(pattern, text string) (at, n int) {
	for i := range len(text) + 1 {
		if n, ok := prefix(pattern, text[i:]); ok {
			return i, n
		}
	}
	return -1, 0
}
