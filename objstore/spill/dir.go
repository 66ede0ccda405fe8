package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mobula/internal/filelock"
)

// A spill directory holds one directory for each process, "node-PID", with a file "lock" that the process holds locked while it
// lives. The system unlocks it however the process ends; so an unlocked one is rubbish. The file "lock" of the spill
// directory itself is held while directories are made or removed.

const (
	dirPrefix = "node-"
	lockName  = "lock"
)

// diskDir is the FS of a process.
type diskDir struct {
	base string // the spill directory
	name string // of this process, in it
	root *os.Root
	lock *os.File
}

func openDir(base string) (*diskDir, error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	all, err := filelock.Open(filepath.Join(base, lockName), true)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	if err := sweep(base); err != nil {
		return nil, err
	}
	name, err := makeOwn(base)
	if err != nil {
		return nil, err
	}
	d := &diskDir{base: base, name: name}
	if d.lock, err = filelock.Open(filepath.Join(base, name, lockName), false); err != nil {
		return nil, err
	}
	if d.root, err = os.OpenRoot(filepath.Join(base, name)); err != nil {
		d.lock.Close()
		return nil, err
	}
	return d, nil
}

// makeOwn makes a directory that is named after this process; a number is added where it has several.
func makeOwn(base string) (string, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s%d", dirPrefix, os.Getpid())
		if i > 0 {
			name += fmt.Sprintf("-%d", i)
		}
		if err := os.Mkdir(filepath.Join(base, name), 0o700); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// sweep removes the directories of processes that have ended.
func sweep(base string) error {
	entries, err := os.ReadDir(base)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), dirPrefix) {
			continue
		}
		dir := filepath.Join(base, e.Name())
		lock, err := filelock.Open(filepath.Join(dir, lockName), false)
		if errors.Is(err, filelock.ErrHeld) {
			continue // it lives
		}
		if err != nil {
			return fmt.Errorf("look whether %s is in use: %w", dir, err)
		}
		err = os.RemoveAll(dir)
		lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *diskDir) Create(name string) (File, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (d *diskDir) Open(name string) (File, error) { return d.root.Open(name) }

func (d *diskDir) Remove(name string) error { return d.root.Remove(name) }

func (d *diskDir) Close() error {
	err := os.RemoveAll(filepath.Join(d.base, d.name))
	return errors.Join(err, d.root.Close(), d.lock.Close())
}
