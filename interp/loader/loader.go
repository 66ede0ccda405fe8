// Package loader is the in-process linker of the session host: it reads archives that
// `go tool compile` writes, and adds their code, types and variables to the running
// process.
//
// All loaded code forms one module in the runtime's eyes, the image: reserved ranges of
// addresses below the executable for text, read-only data and types, function tables and
// variables. A Load appends to each range and publishes the new lengths while the world is
// stopped. Until then nothing has changed, so a Load that fails leaves the image as it was.
//
// A notebook is package main in many units. A name of package main means one thing for
// ever (package interp gives names versions), so variables and types of package main
// that are loaded are bound by name. Functions listed in Unit.Define are taken from the unit,
// and the entries of their predecessors become jumps to them. The versions in names are
// removed from all that users can see.
//
// # Usage
//
//	l, err := loader.New(loader.Config{GOROOT: goroot})
//	ld, err := l.Load(loader.Unit{Archive: "cell.a", Define: []string{"main.cell_1"}})
//	ld.Init() // package initialisers
//	f, ok := l.Func("main.cell_1")
//
// It works only in a process that toolchain.BuildHost has built (build tag mobulahost, the
// changed runtime of package overlay, linux/amd64). Elsewhere New returns ErrNotSupported.
//
// # Concurrency
//
// All methods may be called from any goroutine; one lock orders them. Loaded.Init runs
// without the lock and without a stopped world.
//
// # Testing
//
// The tests build a host once and run programs in it. FuzzParse feeds the object parser.
package loader

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// ErrNotSupported is returned by New in a process that was not built as a session host.
var ErrNotSupported = errors.New("this process cannot load compiled code: it is no session host")

// Config says where the toolchain is that the host was built with and that compiles the units.
type Config struct {
	GOROOT   string
	Packages []string // import paths linked into the host; nil: those of which its symbols tell
}

// Package is a compiled package.
type Package struct {
	Path    string // import path
	Archive string // file
}

// Unit is what one Load adds.
type Unit struct {
	Archive   string            // package main; "" loads only Packages
	Define    []string          // link names of functions taken from the unit
	Register  string            // link name of one more function to take; "" for none
	Redirect  [][2]string       // the first function's entry jumps to the second from now on
	Packages  []Package         // loaded first unless the process has them, dependencies first
	Libraries []string          // C shared libraries opened before
	Archives  map[string]string // import path to archive of whatever the unit may refer to
}

// Loaded is the result of a Load.
type Loaded struct {
	Text, Data, Total int      // bytes
	Functions         int      // number of functions added
	Grown             []string // types that got methods
	linker            *Linker
}

// Linker is the linker of this process. Make one with New.
type Linker struct {
	mu       sync.Mutex // guards all below
	goroot   string
	host     *hostSymbols
	hostEnd  uintptr // end of the host's types
	hostText [2]uintptr
	zero     uintptr // address of zero-sized variables
	builtins []builtin
	mem      image
	tables   tables
	syms     map[string]uintptr   // what is loaded, by symbol key
	entries  map[string][]uintptr // all entries of a redefinable function, newest last
	room     map[uintptr]bool     // types with room for a first method
	caches   []cacheSym
	links    []typelink
	packages map[string]bool
	libs     map[string][]*object // archives searched for single symbols
	inits    [][]uintptr          // initialisers not yet run
	loads    int
	graph    graph
}

type builtin struct {
	name string
	abi  uint16
}

var (
	single    sync.Mutex
	singleton bool // one image per process
)

// New prepares this process for loading.
func New(c Config) (*Linker, error) {
	if !supported {
		return nil, ErrNotSupported
	}
	single.Lock()
	defer single.Unlock()
	if singleton {
		return nil, errors.New("this process has a linker already")
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the session host's executable: %w", err)
	}
	l := &Linker{
		goroot: c.GOROOT, syms: map[string]uintptr{}, entries: map[string][]uintptr{}, room: map[uintptr]bool{},
		packages: map[string]bool{"unsafe": true}, libs: map[string][]*object{}, graph: newGraph(),
	}
	if l.host, err = readHostSymbols("/proc/self/exe", IndexFile(exe)); err != nil {
		return nil, err
	}
	if l.builtins, err = readBuiltins(c.GOROOT); err != nil {
		return nil, err
	}
	var ok bool
	if l.zero, ok = l.host.lookup("runtime.zerobase"); !ok {
		return nil, errors.New("the session host's symbols lack runtime.zerobase: build it anew")
	}
	if c.Packages == nil {
		c.Packages = l.host.packages
	}
	for _, p := range c.Packages {
		l.packages[p] = true
	}
	if err := l.start(); err != nil {
		return nil, err
	}
	singleton = true
	return l, nil
}

// readBuiltins reads the list of runtime functions that the compiler refers to by number: lines
// with a quoted name and the number of its ABI.
func readBuiltins(goroot string) ([]builtin, error) {
	b, err := os.ReadFile(filepath.Join(goroot, "src/cmd/internal/goobj/builtinlist.go"))
	if err != nil {
		return nil, fmt.Errorf("read the toolchain's list of builtins: %w", err)
	}
	var out []builtin
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), `{"`)
		if !ok {
			continue
		}
		name, rest, ok := strings.Cut(rest, `", `)
		abi, err := strconv.Atoi(strings.TrimSuffix(rest, "},"))
		if !ok || err != nil {
			return nil, fmt.Errorf("the toolchain's list of builtins has a line %q: an unknown toolchain", line)
		}
		out = append(out, builtin{name, uint16(abi)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no builtins in %s: an unknown toolchain", goroot)
	}
	return out, nil
}

// Imports lists the packages that a compiled package was compiled against.
func Imports(archive string) ([]string, error) {
	objs, err := readArchive(archive)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, o := range objs {
		for _, p := range o.imports {
			out = append(out, strings.Clone(strings.TrimSuffix(p, ".a")))
		}
	}
	return out, nil
}

// Has reports whether a package is in the process.
func (l *Linker) Has(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.packages[path]
}

// Load links a unit into the process. On an error nothing has changed.
func (l *Linker) Load(u Unit) (ld *Loaded, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mark := l.mem.mark()
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("link %s: internal error: %v\n%s", u.Archive, e, debug.Stack())
		}
		if err != nil {
			ld = nil
			l.mem.rollback(mark)
		}
	}()
	j := newJob(l, u)
	if err := j.run(); err != nil {
		return nil, fmt.Errorf("link %s: %w", filepath.Base(u.Archive), err)
	}
	return j.result(mark), nil
}

// Init runs the initialisers of packages that were loaded and have not run yet, on the caller's goroutine.
func (ld *Loaded) Init() {
	for {
		task := ld.linker.nextInit()
		if task == nil {
			return
		}
		for _, entry := range task {
			call(entry)()
		}
	}
}

func (l *Linker) nextInit() []uintptr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.inits) == 0 {
		return nil
	}
	task := l.inits[0]
	l.inits = l.inits[1:]
	return task
}

// funcValue is what a func() points to. It is kept for ever, as is the code.
type funcValue struct{ entry uintptr }

// Func returns a loaded function without parameters by its link name.
func (l *Linker) Func(name string) (func(), bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.syms[name]
	if !ok || a < l.mem.arenas[aText].base || a >= l.mem.arenas[aText].base+l.mem.arenas[aText].cur {
		return nil, false
	}
	return call(a), true
}

// call makes a function value of an entry.
func call(entry uintptr) func() {
	f := &funcValue{entry}
	return *(*func())(unsafe.Pointer(&f))
}

// Variable allocates a variable of a live type, which later units refer to by its link
// name. A variable of that name that is loaded already is returned as it is.
func (l *Linker) Variable(name string, t reflect.Type) (p unsafe.Pointer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.syms[name]; ok {
		return pointer(a), nil
	}
	if t.Size() == 0 {
		l.syms[name] = l.zero
		return pointer(l.zero), nil
	}
	mark := l.mem.mark()
	type eface struct{ _, data unsafe.Pointer }
	rt := uintptr((*eface)(unsafe.Pointer(&t)).data)
	k := aData
	if typeUint64(rt, typePtrBytes) == 0 {
		k = aNoptr
	}
	a, err := l.mem.arenas[k].alloc(t.Size(), 16)
	if err == nil && k == aData {
		err = l.setMask(a, rt)
	}
	if err != nil {
		l.mem.rollback(mark)
		return nil, fmt.Errorf("variable %s: %w", name, err)
	}
	l.updateTables()
	stopWorld()
	publish(&l.tables)
	startWorld()
	l.syms[name] = a
	l.graph.variables[a] = variable{name, t.Size()}
	return pointer(a), nil
}

// Stats tells about the image.
type Stats struct {
	Loads, Functions, Symbols int
	Bytes                     map[string]int // by kind of memory
}

// Stats returns the size of the image.
func (l *Linker) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Loads: l.loads, Functions: l.mem.nfunc, Symbols: len(l.syms), Bytes: map[string]int{}}
	for i := range l.mem.arenas {
		s.Bytes[l.mem.arenas[i].name] = int(l.mem.arenas[i].cur)
	}
	return s
}

// Packages returns the import paths of all packages in the process, sorted.
func (l *Linker) Packages() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.packages))
}

// Verify checks the runtime's function table of the image; it ends the process where it is wrong.
func (l *Linker) Verify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	verify()
}
