package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// Package is one listed package.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	Export     string // archive in the build cache
	Standard   bool
	Imports    []string
	Module     *struct{ Path, Dir, Version string }
	Error      *struct{ Err string }
}

// Packages answers which archive holds an import path, for the module of one session.
type Packages struct {
	tc    Toolchain
	flags []string // of go list: overlay, tags

	mu    sync.Mutex // guards the rest
	dir   string     // module directory
	env   []string
	known map[string]*Package
}

// NewPackages lists packages as seen from dir. known are packages that are listed
// already (those of the host); flags go to every go list.
func NewPackages(tc Toolchain, dir string, env, flags []string, known []*Package) *Packages {
	p := &Packages{tc: tc, flags: flags, dir: dir, env: env, known: map[string]*Package{}}
	p.add(known)
	return p
}

func (p *Packages) add(list []*Package) {
	for _, k := range list {
		p.known[k.ImportPath] = k
	}
}

// Forget drops what is known of packages outside of the standard library and of
// Mobula, after the module has changed.
func (p *Packages) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for path, k := range p.known {
		if !k.Standard && !IsOwn(path) {
			delete(p.known, path)
		}
	}
}

// SetDir changes the directory that imports are seen from.
func (p *Packages) SetDir(dir string, env []string) {
	p.mu.Lock()
	p.dir, p.env = dir, env
	p.mu.Unlock()
	p.Forget()
}

// IsOwn reports whether path belongs to Mobula itself.
func IsOwn(path string) bool { return path == "mobula" || strings.HasPrefix(path, "mobula/") }

// Lookup returns a package that was resolved before, or nil.
func (p *Packages) Lookup(path string) *Package {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[path]
}

// Known returns the import paths that were resolved so far.
func (p *Packages) Known() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	paths := make([]string, 0, len(p.known))
	for path := range p.known {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Archives returns the archives of all packages that are known.
func (p *Packages) Archives() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := make(map[string]string, len(p.known))
	for path, k := range p.known {
		if k.Export != "" {
			m[path] = k.Export
		}
	}
	return m
}

// Resolve makes sure that every path and its dependencies are known and built, and
// returns an error that says what is missing and the command that brings it.
func (p *Packages) Resolve(ctx context.Context, paths ...string) error {
	p.mu.Lock()
	dir, env := p.dir, p.env
	var missing []string
	for _, path := range paths {
		if k := p.known[path]; path != "unsafe" && path != "C" && (k == nil || !exists(k.Export)) {
			missing = append(missing, path)
		}
	}
	p.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	list, err := p.tc.list(ctx, dir, env, append(slices.Clone(p.flags), "-export", "-deps"), missing)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range list {
		if k.Error != nil {
			errs = append(errs, importError(k))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(list)
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func importError(k *Package) error {
	msg := strings.TrimSpace(k.Error.Err)
	if strings.Contains(msg, "no required module provides") || strings.Contains(msg, "cannot find module providing") {
		return fmt.Errorf("import %q: no module of this session provides it. Get it with: %%go get %s", k.ImportPath, k.ImportPath)
	}
	return fmt.Errorf("import %q: %s", k.ImportPath, msg)
}

// list runs go list -json with the given flags.
func (t Toolchain) list(ctx context.Context, dir string, env, flags, paths []string) ([]*Package, error) {
	args := append([]string{"list", "-e", "-json=ImportPath,Name,Dir,Export,Standard,Imports,Module,Error"}, flags...)
	cmd := Command(ctx, dir, t.environ(env), t.GoCmd, append(append(args, "--"), paths...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var list []*Package
	for d := json.NewDecoder(&stdout); ; {
		k := new(Package)
		if err := d.Decode(k); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		list = append(list, k)
	}
	if text := strings.TrimSpace(stderr.String()); runErr != nil || (text != "" && hasNoArchive(list)) {
		return nil, fmt.Errorf("go list %s: %s", strings.Join(paths, " "), text)
	}
	return list, nil
}

func hasNoArchive(list []*Package) bool {
	return slices.ContainsFunc(list, func(k *Package) bool {
		return k.Export == "" && k.ImportPath != "unsafe" && k.Error == nil
	})
}

// ListWithDeps lists and builds packages with their dependencies, dependencies first.
func (t Toolchain) ListWithDeps(ctx context.Context, dir string, env, flags []string, paths ...string) ([]*Package, error) {
	return t.list(ctx, dir, env, append(slices.Clone(flags), "-export", "-deps"), paths)
}

// Closure returns the packages that paths need, themselves included, dependencies first.
func (p *Packages) Closure(paths []string) []*Package {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Package
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		k := p.known[path]
		if k == nil || seen[path] {
			return
		}
		seen[path] = true
		for _, d := range k.Imports {
			visit(d)
		}
		if k.Export != "" {
			out = append(out, k)
		}
	}
	for _, path := range paths {
		visit(path)
	}
	return out
}
