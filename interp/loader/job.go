package loader

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sections of a job.
const (
	secText = iota
	secRO
	secNoptr
	secData
	numSections
)

// job is one Load on its way. It works on arenas behind the published lengths only.
type job struct {
	l       *Linker
	u       Unit
	mark0   marks
	views   []*view
	defined map[string]bool    // functions taken from the unit
	methods map[string]bool    // the last parts of their names
	defs    map[string]*symbol // definitions of the job's objects
	ext     map[string]*symbol // resolved names
	libs    map[string][]*view
	cgo     map[string]bool // symbols of C
	work    []*symbol
	secs    [numSections][]*symbol
	itabs   []*symbol
	tasks   []*symbol // inittasks of new packages
	grows   []*growth
	jumps   [][2]uintptr // entry of an old function, entry of the new
	stores  []store      // writes into live memory
	grownAt []uintptr    // types that get methods
	fresh   []uintptr    // reserved itabs
	pairs   map[[2]uintptr]uintptr
	packs   []string
	missing []string
	edges   edges
	errs    error
	grown   []string
}

func newJob(l *Linker, u Unit) *job {
	j := &job{
		l: l, u: u, mark0: l.mem.mark(), defined: map[string]bool{}, methods: map[string]bool{}, defs: map[string]*symbol{}, ext: map[string]*symbol{},
		libs: map[string][]*view{}, cgo: map[string]bool{}, pairs: map[[2]uintptr]uintptr{}, edges: edges{},
	}
	for _, d := range u.Define {
		j.defined[d] = true
		j.methods[d[strings.LastIndexByte(d, '.')+1:]] = true
	}
	if u.Register != "" {
		j.defined[u.Register] = true
	}
	return j
}

func (j *job) fail(err error) {
	if j.errs == nil {
		j.errs = err
	}
}

func (j *job) run() error {
	for _, step := range []func() error{
		j.openLibraries, j.open, j.planGrowth, j.markRoots, j.flood, j.place, j.writeTables, j.write,
		j.fillMasks, j.planJumps, j.finishGrowth, j.commit,
	} {
		if err := step(); err != nil {
			return err
		}
		if j.errs != nil {
			return j.errs
		}
	}
	return nil
}

func (j *job) openLibraries() error {
	for _, lib := range j.u.Libraries {
		if err := openC(lib); err != nil {
			return fmt.Errorf("open C library: %w", err)
		}
	}
	return nil
}

// open reads the archives of new packages and of the unit.
func (j *job) open() error {
	for _, p := range j.u.Packages {
		if j.l.packages[p.Path] || slices.Contains(j.packs, p.Path) {
			continue
		}
		if err := j.openOne(p.Path, p.Archive, false); err != nil {
			return fmt.Errorf("package %s: %w", p.Path, err)
		}
		j.packs = append(j.packs, p.Path)
	}
	if j.u.Archive == "" {
		return nil
	}
	return j.openOne("main", j.u.Archive, true)
}

func (j *job) openOne(pkg, archive string, unit bool) error {
	objs, err := readArchive(archive)
	if err != nil {
		return err
	}
	for _, o := range objs {
		v := &view{object: o, pkg: pkg, unit: unit, syms: make([]*symbol, o.total())}
		maps.Copy(j.cgo, o.cgo)
		j.views = append(j.views, v)
		j.define(v)
	}
	return nil
}

// define enters the definitions of an object that have names.
func (j *job) define(v *view) {
	for i := range v.defs() {
		if i >= v.nsym && i < v.nsym+v.nh64+v.nhash {
			continue
		}
		s := v.symbol(i)
		if s.abi == abiStatic || s.name == "" || j.cgo[s.name] {
			continue
		}
		k := key(s.name, s.abi, s.text())
		if _, ok := j.defs[k]; !ok {
			j.defs[k] = s
		}
	}
}

// markRoots marks what must be loaded: whole packages, and of the unit what it defines.
func (j *job) markRoots() error {
	for _, v := range j.views {
		if v.unit {
			j.markUnit(v)
		} else {
			j.markPackage(v)
		}
	}
	for _, r := range j.u.Redirect {
		if d := j.defs[r[1]]; d != nil && d.v.unit {
			j.mark(j.target(d.v, ref{pkgSelf, uint32(d.idx)}))
		}
	}
	return nil
}

func (j *job) markUnit(v *view) {
	for i := range v.defs() {
		s := v.symbol(i)
		if !s.text() || !s.dep {
			continue
		}
		_, known := j.l.syms[key(s.name, s.abi, true)]
		if j.defined[s.name] || known && j.replaces(s) {
			s.resolved = true
			j.mark(s)
		}
	}
}

// replaces reports whether a text symbol of the unit takes the place of its loaded namesake.
func (j *job) replaces(s *symbol) bool {
	if private(s.name, true) {
		return false
	}
	exact, _ := owner(s.name, j.defined)
	return exact || j.wrapsDefined(s)
}

func (j *job) markPackage(v *view) {
	for i := range v.defs() {
		s := v.symbol(i)
		if s.kind >= kindFirstDebug {
			continue
		}
		own := i < v.nsym && s.name != "" && !strings.HasPrefix(s.name, "go:")
		variable := s.kind == kindData || s.kind == kindBSS || s.kind == kindNoptr || s.kind == kindNoptrBSS
		switch {
		case strings.HasSuffix(s.name, "..inittask"):
			j.mark(s)
			j.tasks = append(j.tasks, s)
		case own && (s.text() || variable) && !j.cgo[s.name]:
			j.mark(s)
		case s.flag&flagTypelink != 0 && strings.HasPrefix(s.name, "type:"):
			j.mark(j.settle(s)) // one of all that the job's packages define
		}
	}
}

func (j *job) mark(s *symbol) {
	if s == nil || s.bound || s.marked || s.kind >= kindFirstDebug {
		return
	}
	s.marked = true
	j.work = append(j.work, s)
}

// marker relocations carry facts for the toolchain's linker only.
func (r *reloc) noTarget() bool {
	return r.typ == relCallInd || r.typ >= relUseField && r.typ <= relUseNamed || r.typ == relInitOrder
}

// follow reports whether a relocation's target must be loaded with its symbol.
func (s *symbol) follow(r *reloc) bool {
	if r.noTarget() {
		return false
	}
	// A pointer to a type of main must be the same as one that a later unit makes.
	return !r.weak || s.dep && r.typ == relAddrOff
}

// flood marks all that the marked symbols need.
func (j *job) flood() error {
	for len(j.work) > 0 && j.errs == nil {
		s := j.work[len(j.work)-1]
		j.work = j.work[:len(j.work)-1]
		if err := j.section(s); err != nil {
			return err
		}
		s.relocs(func(r reloc) {
			if s.follow(&r) {
				j.mark(j.target(s.v, r.ref))
			}
		})
		j.floodAux(s)
	}
	if len(j.missing) > 0 {
		slices.Sort(j.missing)
		j.missing = slices.Compact(j.missing)
		return fmt.Errorf("undefined: %s", strings.Join(j.missing[:min(len(j.missing), 10)], ", "))
	}
	return nil
}

func (j *job) floodAux(s *symbol) {
	for a := range s.v.auxes(s.idx) {
		switch {
		case a.typ == auxGotype && (s.kind == kindData || s.kind == kindBSS):
			j.mark(j.target(s.v, a.ref))
		case a.typ == auxFuncdata:
			if t := j.target(s.v, a.ref); t != nil && t.def {
				j.mark(t)
			}
		}
	}
}

func (j *job) section(s *symbol) error {
	switch s.kind {
	case kindText, kindTextFIPS:
		j.secs[secText] = append(j.secs[secText], s)
	case kindRO, kindROFIPS:
		if s.flag2&flag2Itab != 0 || strings.HasPrefix(s.name, "go:itab.") {
			s.itab = true
			j.itabs = append(j.itabs, s)
			return nil
		}
		j.secs[secRO] = append(j.secs[secRO], s)
	case kindNoptr, kindNoptrFIPS, kindNoptrBSS:
		j.secs[secNoptr] = append(j.secs[secNoptr], s)
	case kindData, kindDataFIPS, kindBSS:
		j.secs[secData] = append(j.secs[secData], s)
	case kindTLS:
		return errors.New("thread-local variables are not supported: " + s.name)
	default:
		return damaged("symbol %q has kind %d", s.name, s.kind)
	}
	return nil
}

// result describes a finished job and releases it.
func (j *job) result(m marks) *Loaded {
	l := j.l
	l.loads++
	ld := &Loaded{linker: l, Functions: l.mem.nfunc - m.nfunc, Grown: j.grown}
	for i := range l.mem.arenas {
		ld.Total += int(l.mem.arenas[i].cur - m.cur[i])
	}
	ld.Text = int(l.mem.arenas[aText].cur - m.cur[aText])
	ld.Data = int(l.mem.arenas[aData].cur - m.cur[aData] + l.mem.arenas[aNoptr].cur - m.cur[aNoptr])
	return ld
}
