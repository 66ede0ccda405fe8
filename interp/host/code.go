package host

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"mobula/interp/direct"
	"mobula/interp/host/ship"
	"mobula/interp/hostrpc"
	"mobula/interp/loader"
)

// Code is compiled code that the host can load and call.
type Code interface {
	// Load links a unit; start runs what must run before anything of it is used.
	Load(l *hostrpc.Load) (start func(), err error)
	// Func returns a loaded function by link name.
	Func(name string) (func(), bool)
	// Packages lists the import paths of what is there.
	Packages() []string
}

// goroot is the toolchain's folder.
var goroot = sync.OnceValue(func() string {
	if r := os.Getenv(EnvGOROOT); r != "" {
		_ = os.Unsetenv(EnvGOROOT) // not for the cells
		return filepath.Clean(r)
	}
	//lint:ignore SA1019 the host runs where it was built
	return filepath.Clean(runtime.GOROOT())
})

// linked is the Code of a real session host.
type linked struct {
	l        *loader.Linker
	program  *ship.Program
	archives func() map[string]string // of the host's own packages: what its linker dropped is in there
}

// newCode starts the linker and tests it with the self-test cell. Where that fails the host still answers.
func newCode() (Code, error) {
	c, err := link(ship.NewSession())
	if err != nil {
		return noCode{err}, err
	}
	direct.Default.NewVariable = c.program.NewVariable
	return c, nil
}

// link starts the linker of a process of a session.
func link(session string) (linked, error) {
	l, err := loader.New(loader.Config{GOROOT: goroot()})
	if err != nil {
		return linked{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return linked{}, err
	}
	if err := l.SelfTest(exe + ".selftest.a"); err != nil {
		return linked{}, err
	}
	archives := sync.OnceValue(func() map[string]string { return ownArchives(exe + ".packages.json") })
	p, err := ship.New(l, archives, session)
	return linked{l, p, archives}, err
}

// ownArchives reads the list of packages that the build leaves beside the host.
func ownArchives(index string) map[string]string {
	archives := map[string]string{}
	text, err := os.ReadFile(index)
	if err != nil {
		return archives // what is missing is named when a unit needs it
	}
	var list []struct{ ImportPath, Export string }
	if err := json.Unmarshal(text, &list); err != nil {
		return archives
	}
	for _, p := range list {
		archives[p.ImportPath] = p.Export
	}
	return archives
}

// Load links a unit.
func (c linked) Load(r *hostrpc.Load) (func(), error) {
	u := loader.Unit{Archive: r.Archive, Define: r.Define, Register: r.Register, Libraries: r.Libraries, Archives: maps.Clone(c.archives())}
	for _, p := range r.Redirect {
		u.Redirect = append(u.Redirect, [2]string{p.Old, p.New})
	}
	for _, p := range r.Packages {
		u.Packages = append(u.Packages, loader.Package{Path: p.Path, Archive: p.Archive})
		u.Archives[p.Path] = p.Archive
	}
	ld, err := c.program.LoadUnit(u)
	if err != nil {
		return nil, err
	}
	register := func() {}
	if r.Register != "" {
		f, ok := c.l.Func(r.Register)
		if !ok {
			return nil, errors.New("function " + r.Register + " is not in the unit")
		}
		register = f
	}
	return func() {
		ld.Init()
		register()
	}, nil
}

// Func returns a loaded function.
func (c linked) Func(name string) (func(), bool) { return c.l.Func(name) }

// Packages lists the packages in this process.
func (c linked) Packages() []string { return c.l.Packages() }

// noCode is the Code of a process that cannot load any.
type noCode struct{ err error }

// Load fails.
func (c noCode) Load(*hostrpc.Load) (func(), error) { return nil, c.err }

// Func finds nothing.
func (noCode) Func(string) (func(), bool) { return nil, false }

// Packages is empty.
func (noCode) Packages() []string { return nil }
