//go:build unix

package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOneHolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name, false); !errors.Is(err, ErrHeld) {
		t.Errorf("taken twice: %v", err)
	}
	waited := make(chan error, 1)
	go func() { // ends when the lock is free
		f, err := Open(name, true)
		if err == nil {
			err = f.Close()
		}
		waited <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(name, "x"), false); err == nil || errors.Is(err, ErrHeld) {
		t.Error(err)
	}
}

func TestShared(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	var files [2]*os.File
	for i := range files {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := Share(f); err != nil {
			t.Fatal(err)
		}
		files[i] = f
	}
	if err := Try(files[0]); !errors.Is(err, ErrHeld) {
		t.Errorf("two share it: %v", err)
	}
	files[1].Close()
	if err := Try(files[0]); err != nil {
		t.Error(err)
	}
}
