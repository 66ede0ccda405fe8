// Package overlay changes the runtime of the session host at build time: it writes an
// overlay file for `go build -overlay` that adds files to packages of the standard
// library and replaces a few lines in others.
//
// The tables Files and Patches are all there is to it. A patch names its place by an
// anchor, a piece of the original text; if the anchor does not occur exactly once,
// the toolchain is unknown and Write says so.
//
// # Usage
//
//	path, err := overlay.Write(goroot, version, dir)
//	go build -overlay path ...
//
// # Concurrency
//
// All functions may be called from any goroutine; two Writes need different folders.
//
// # Testing
//
// TestWrite applies the tables to the toolchain that runs the test and builds a program with it.
package overlay

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed files
var files embed.FS

// ErrUnknownToolchain is wrapped by errors that say that this Go distribution is not one that Mobula knows.
var ErrUnknownToolchain = errors.New("unknown toolchain")

// File is a file that is added to the standard library.
type File struct {
	Path   string // below GOROOT, slash-separated
	Source string // name below files/
}

// Patch replaces one piece of a file of the standard library.
type Patch struct {
	Path        string // below GOROOT, slash-separated
	Anchor      string // occurs exactly once
	Replacement string
}

// Write writes the changed files and overlay.json below dir, and returns the path of
// overlay.json. version is the toolchain's own name (go1.26.8), for messages.
func Write(goroot, version, dir string) (string, error) {
	return write(goroot, version, dir, map[string]string{})
}

// WriteWithoutC is Write for a host that is built without a C compiler (CGO_ENABLED=0). It also
// empties package runtime/cgo, so that a program can import it and the Go linker keeps
// for it, as for every program that can open plugins, all methods and the names of types.
func WriteWithoutC(goroot, version, dir string) (string, error) {
	replace := map[string]string{}
	cgo := filepath.Join(goroot, "src", "runtime", "cgo")
	list, err := os.ReadDir(cgo)
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", ErrUnknownToolchain, version, err)
	}
	for _, e := range list {
		if slices.Contains([]string{".go", ".s", ".c", ".S", ".h"}, filepath.Ext(e.Name())) {
			replace[filepath.Join(cgo, e.Name())] = "" // deleted
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("make a folder for the changed runtime: %w", err)
	}
	if err := put(replace, goroot, dir, "src/runtime/cgo/empty.go", []byte("package cgo\n")); err != nil {
		return "", err
	}
	return write(goroot, version, dir, replace)
}

func write(goroot, version, dir string, replace map[string]string) (string, error) {
	if err := checkFormats(goroot, version); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("make a folder for the changed runtime: %w", err)
	}
	for _, f := range Files {
		b, err := files.ReadFile("files/" + f.Source)
		if err != nil {
			return "", fmt.Errorf("overlay file %s: %w", f.Source, err)
		}
		if err := put(replace, goroot, dir, f.Path, b); err != nil {
			return "", err
		}
	}
	patched, err := applyPatches(goroot, version)
	if err != nil {
		return "", err
	}
	for path, text := range patched {
		if err := put(replace, goroot, dir, path, []byte(text)); err != nil {
			return "", err
		}
	}
	b, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", fmt.Errorf("encode the overlay: %w", err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, b, 0o666); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return name, nil
}

func applyPatches(goroot, version string) (map[string]string, error) {
	text := map[string]string{}
	for _, p := range Patches {
		if _, ok := text[p.Path]; !ok {
			b, err := os.ReadFile(filepath.Join(goroot, filepath.FromSlash(p.Path)))
			if err != nil {
				return nil, fmt.Errorf("%w %s: %w", ErrUnknownToolchain, version, err)
			}
			text[p.Path] = string(b)
		}
		if n := strings.Count(text[p.Path], p.Anchor); n != 1 {
			return nil, fmt.Errorf("%w %s: %s contains %q %d times, not once", ErrUnknownToolchain, version, p.Path, p.Anchor, n)
		}
		text[p.Path] = strings.Replace(text[p.Path], p.Anchor, p.Replacement, 1)
	}
	return text, nil
}

func put(replace map[string]string, goroot, dir, path string, b []byte) error {
	out := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
	if err := os.WriteFile(out, b, 0o666); err != nil {
		return fmt.Errorf("write the changed %s: %w", path, err)
	}
	replace[filepath.Join(goroot, filepath.FromSlash(path))] = out
	return nil
}

// Digest identifies the content of the overlay: hosts built with another one differ.
func Digest() string {
	h := sha256.New()
	for _, f := range Files {
		b, err := files.ReadFile("files/" + f.Source)
		fmt.Fprintf(h, "%q %q %v\n", f.Path, b, err)
	}
	for _, p := range Patches {
		fmt.Fprintf(h, "%q\n", p)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
