// Package history keeps the input history of notebooks on disk: one append-only file of
// JSON lines for each session, named by the session's number.
//
// A session's file is created exclusively and written by that session alone, so kernels
// that run side by side need no lock; a line that was cut by a crash is skipped by readers.
//
// # Usage
//
//	store, err := history.Open(dir)
//	defer store.Close()
//	err = store.Append(history.Entry{Line: 1, Source: "x := 1"})
//	entries := store.Tail(10)
//
// # Concurrency
//
// A Store may be used from any goroutine.
//
// # Limits
//
// Open removes the oldest sessions beyond MaxSessions files and MaxBytes in total. Sources
// and outputs longer than MaxText are cut.
//
// # Testing
//
// Open stores in t.TempDir(); an empty dir keeps the session in memory only.
package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// What is kept.
const (
	MaxSessions = 1000
	MaxBytes    = 64 << 20
	MaxText     = 1 << 20 // bytes of a source or an output
)

const suffix = ".jsonl"

// Entry is one executed cell.
type Entry struct {
	Session int    `json:"-"`
	Line    int    `json:"line"`          // execution count
	Source  string `json:"in"`            // as typed
	Output  string `json:"out,omitempty"` // text/plain of the result
}

// Store is the history of this session and of the sessions before it.
type Store struct {
	root    *os.Root // nil: memory only
	session int
	mu      sync.Mutex // guards what follows
	file    *os.File
	entries []Entry // of this session
}

// Open starts a new session in dir, which it creates. With dir empty nothing is written.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return &Store{session: 1}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the history folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the history folder: %w", err)
	}
	s := &Store{root: root}
	if err := s.begin(); err != nil {
		root.Close()
		return nil, fmt.Errorf("start a history session in %s: %w", dir, err)
	}
	return s, nil
}

// begin takes the next free session number and removes what is too old.
func (s *Store) begin() error {
	sessions, err := s.sessions()
	if err != nil {
		return err
	}
	s.session = 1
	if len(sessions) > 0 {
		s.session = sessions[len(sessions)-1] + 1
	}
	for {
		s.file, err = s.root.OpenFile(fileName(s.session), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		s.session++ // another kernel started at the same time
	}
	if err != nil {
		return err
	}
	s.prune(sessions)
	return nil
}

func (s *Store) prune(sessions []int) {
	var total int64
	for i, n := range slices.Backward(sessions) {
		info, err := s.root.Stat(fileName(n))
		if err != nil {
			continue
		}
		total += info.Size()
		if len(sessions)-i >= MaxSessions || total > MaxBytes {
			s.root.Remove(fileName(n)) // best effort: another kernel may do the same
		}
	}
}

func fileName(session int) string { return fmt.Sprintf("%06d%s", session, suffix) }

// sessions returns the numbers of the sessions on disk, ascending.
func (s *Store) sessions() ([]int, error) {
	if s.root == nil {
		return nil, nil
	}
	names, err := fs.Glob(s.root.FS(), "*"+suffix)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, name := range names {
		if n, err := strconv.Atoi(strings.TrimSuffix(name, suffix)); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Session is the number of this session.
func (s *Store) Session() int { return s.session }

// Append adds an entry to this session.
func (s *Store) Append(e Entry) error {
	e.Session = s.session
	e.Source, e.Output = cut(e.Source), cut(e.Output)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	if s.file == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode a history entry: %w", err)
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the history (it goes on in memory): %w", err)
	}
	return nil
}

func cut(text string) string {
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Close ends the session; a session without entries leaves no file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return nil
	}
	err := s.file.Close()
	if len(s.entries) == 0 {
		err = errors.Join(err, s.root.Remove(fileName(s.session)))
	}
	return errors.Join(err, s.root.Close())
}

// DefaultDir is the history folder of the user: XDG_DATA_HOME or ~/.local/share, then mobula/history.
func DefaultDir() (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home folder for the history (set XDG_DATA_HOME): %w", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "mobula", "history"), nil
}
