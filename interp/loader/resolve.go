package loader

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// symbol is one symbol of an object in the view of one job.
type symbol struct {
	v           *view
	idx         int
	name        string
	abi         uint16
	kind        uint8
	flag, flag2 uint8
	size, align uint32
	def         bool // has a definition in v
	bound       bool // lives elsewhere, at addr
	marked      bool // will be loaded
	dep         bool // belongs to package main
	resolved    bool // whether it was looked for elsewhere
	pad         uintptr
	addr        uintptr
	out         []byte // its bytes in writable memory, behind pad
	content     []byte // replaces the data of the object
	gap, shift  int    // what content adds to offsets of relocations behind gap
	from, to    int    // a part of the data; to 0: all of it
	itab        bool
	other       *symbol // stands for this one
}

// view is an object as one job sees it.
type view struct {
	*object
	pkg  string
	unit bool // the notebook's package
	lib  bool // opened for single symbols
	syms []*symbol
}

func (v *view) symbol(i int) *symbol {
	if s := v.syms[i]; s != nil {
		return s
	}
	p := v.at(blkSym, i, symSize)
	s := &symbol{
		v: v, idx: i, name: v.str(p), abi: le.Uint16(v.b[p+8:]), kind: v.b[p+10], flag: v.b[p+11], flag2: v.b[p+12],
		size: v.u32(p + 13), align: v.u32(p + 17), def: i < v.defs(),
	}
	s.dep = dependent(s.name)
	v.syms[i] = s
	return s
}

// hashed reports whether a symbol is named by its content.
func (s *symbol) hashed() bool {
	return s.v != nil && s.idx >= s.v.nsym && s.idx < s.v.nsym+s.v.nh64+s.v.nhash
}

func (s *symbol) text() bool { return s.kind == kindText || s.kind == kindTextFIPS }

// anonymous reports whether the name says nothing about the content.
func (s *symbol) anonymous() bool {
	return s.name == "" || s.abi == abiStatic || strings.HasPrefix(s.name, "type:.namedata") || strings.HasPrefix(s.name, "type:.importpath")
}

func (s *symbol) data() []byte {
	if s.content != nil {
		return s.content
	}
	if s.v == nil {
		return nil
	}
	d := s.v.data(s.idx)
	if s.to != 0 {
		return d[s.from:s.to]
	}
	return d
}

// relocs calls f with the symbol's relocations, offsets as in data.
func (s *symbol) relocs(f func(r reloc)) {
	for r := range s.v.relocs(s.idx) {
		if s.to != 0 {
			if r.off < s.from || r.off >= s.to {
				continue
			}
			r.off -= s.from
		}
		if r.off >= s.gap {
			r.off += s.shift
		}
		f(r)
	}
}

// key is the name of a symbol in the image's table.
func key(name string, abi uint16, text bool) string {
	if text && abi == 0 {
		return name + ".abi0"
	}
	return name
}

// lookup finds what is in the process already. Package main of the host is no part of the notebook.
func (j *job) lookup(name string, abi uint16, text, dep bool) (uintptr, bool) {
	if a, ok := j.l.syms[key(name, abi, text)]; ok {
		return a, true
	}
	if dep {
		return 0, false
	}
	if a, ok := j.l.syms[name]; ok {
		return a, true
	}
	return j.l.host.find(name, abi, text)
}

// target returns the symbol that a reference means, nil for none.
func (j *job) target(v *view, r ref) *symbol {
	if r == (ref{}) {
		return nil
	}
	if i, ok := v.local(r); ok {
		s := v.symbol(i)
		if !s.def {
			return j.byName(s.name, s.abi, packageOf(s.name), v)
		}
		return j.settle(s)
	}
	if r.pkg == pkgBuiltin {
		if int(r.sym) >= len(j.l.builtins) {
			j.fail(damaged("builtin %d", r.sym))
			return nil
		}
		b := j.l.builtins[r.sym]
		return j.byName(b.name, b.abi, "runtime", v)
	}
	name, err := j.refName(v, r)
	if err != nil {
		j.fail(err)
		return nil
	}
	return j.byName(name, 1, v.pkgs[r.pkg], v)
}

// settle returns the symbol that stands for a definition.
func (j *job) settle(s *symbol) *symbol {
	if !s.resolved {
		s.resolved = true
		j.resolve(s)
	}
	if s.other != nil {
		return s.other
	}
	return s
}

// refName returns the name of a symbol of another package.
func (j *job) refName(v *view, r ref) (string, error) {
	if n, ok := v.refNames[[2]uint32{r.pkg, r.sym}]; ok {
		return n, nil
	}
	pkg := v.pkgs[r.pkg]
	lib := j.lib(pkg)
	if len(lib) == 0 {
		return "", fmt.Errorf("no archive of package %s, which %s refers to", pkg, v.pkg)
	}
	if int(r.sym) >= lib[0].nsym {
		return "", fmt.Errorf("package %s was compiled against another version of %s: compile it again", v.pkg, pkg)
	}
	return lib[0].str(lib[0].at(blkSym, int(r.sym), symSize)), nil
}

// resolve decides where a definition is taken from: its object, the process, or another object of the job.
func (j *job) resolve(s *symbol) {
	if j.cgo[s.name] && !s.text() { // Go's side of a C symbol is a placeholder
		j.resolveC(s)
		return
	}
	if s.marked || s.hashed() || s.anonymous() || s.kind >= kindFirstDebug {
		return
	}
	if s.dep && s.v.unit {
		j.resolveMain(s)
		return
	}
	if s.idx < s.v.nsym && !s.v.lib {
		return // a package's own
	}
	if s.dep && private(s.name, s.text()) {
		return
	}
	if a, ok := j.lookup(s.name, s.abi, s.text(), s.dep); ok {
		s.bound, s.addr = true, a
		return
	}
	k := key(s.name, s.abi, s.text())
	if d := j.ext[k]; d != nil && d != s && d.def {
		s.other = d
	} else if d := j.defs[k]; d != nil && d != s {
		s.other = d
	} else {
		j.ext[k] = s
	}
}

// resolveMain decides about a symbol of the notebook's package.
func (j *job) resolveMain(s *symbol) {
	if private(s.name, s.text()) || j.cgo[s.name] {
		return
	}
	if s.text() {
		if _, ok := owner(s.name, j.defined); ok {
			return
		}
		if j.wrapsDefined(s) {
			return
		}
	}
	if !s.shared() {
		return
	}
	if a, ok := j.l.syms[key(s.name, s.abi, s.text())]; ok {
		s.bound, s.addr = true, a
	}
}

// shared reports whether later units may bind to a symbol of package main by its name.
func (s *symbol) shared() bool {
	switch s.kind {
	case kindRO, kindROFIPS:
		return s.isType()
	}
	return !private(s.name, s.text())
}

// byName resolves a name without a definition in v.
func (j *job) byName(name string, abi uint16, pkg string, v *view) *symbol {
	text := abi == 0
	k := key(name, abi, text)
	if s := j.ext[k]; s != nil {
		return s
	}
	s := &symbol{name: name, abi: abi, dep: dependent(name), bound: true}
	if j.cgo[name] {
		j.resolveC(s)
	} else if a, ok := j.lookup(name, abi, text, s.dep); ok {
		s.addr = a
	} else if d := j.defs[key(name, abi, false)]; d != nil && !text {
		s = d
	} else if d := j.defs[k]; d != nil {
		s = d
	} else if d := j.pull(name, abi, pkg); d != nil {
		s = d
	} else {
		j.missing = append(j.missing, fmt.Sprintf("%s (package %s)", name, v.pkg))
	}
	j.ext[k] = s
	return s
}

// bodies lists packages that define symbols of other packages (by linkname).
var bodies = []string{"runtime", "internal/abi", "internal/runtime/maps", "reflect", "sync", "syscall", "time", "os", "internal/poll", "internal/runtime/atomic"}

// pull finds a symbol that the host's linker has dropped in its package's archive.
func (j *job) pull(name string, abi uint16, pkg string) *symbol {
	if name == "" || dependent(name) {
		return nil
	}
	for _, p := range append([]string{pkg}, bodies...) {
		if s := j.pullFrom(p, name, abi); s != nil || j.errs != nil {
			return s
		}
	}
	if !strings.Contains(name, "[") {
		return nil
	}
	// An instance of a generic function is in the packages that made it. Code that was inlined out of one of them refers to it from elsewhere.
	for _, p := range slices.Sorted(maps.Keys(j.u.Archives)) {
		if s := j.pullFrom(p, name, abi); s != nil || j.errs != nil {
			return s
		}
	}
	return nil
}

func (j *job) pullFrom(pkg, name string, abi uint16) *symbol {
	for _, v := range j.lib(pkg) {
		if i := v.find(name, abi); i >= 0 {
			if err := v.checkAll(); err != nil {
				j.fail(fmt.Errorf("package %s: %w", pkg, err))
				return nil
			}
			s := v.symbol(i)
			s.resolved = true
			return s
		}
	}
	return nil
}

// lib returns the job's view of a package's archive; nil where it is not known.
func (j *job) lib(pkg string) []*view {
	if v, ok := j.libs[pkg]; ok {
		return v
	}
	path := j.u.Archives[pkg]
	if path == "" {
		j.libs[pkg] = nil
		return nil
	}
	objs, ok := j.l.libs[path]
	if !ok {
		var err error
		if objs, err = mapArchive(path); err != nil {
			j.fail(err)
			return nil
		}
		j.l.libs[path] = objs
	}
	var vs []*view
	for _, o := range objs {
		vs = append(vs, &view{object: o, pkg: pkg, lib: true, syms: make([]*symbol, o.total())})
	}
	j.libs[pkg] = vs
	return vs
}

// wrapsDefined reports whether a symbol is a compiler-made wrapper of a method that this unit
// defines. The wrapper of an inlined method does not name it, so the last part of the name decides;
// to take one too many does no harm.
func (j *job) wrapsDefined(s *symbol) bool {
	info := j.funcInfo(s)
	if len(info) < funcInfoInlHeader || info[8] != funcIDWrapper {
		return false
	}
	c := strings.TrimSuffix(canonical(s.name), "-fm")
	return j.methods[c[strings.LastIndexByte(c, '.')+1:]]
}

// funcInfo returns the encoded description of a function.
func (j *job) funcInfo(s *symbol) []byte {
	for a := range s.v.auxes(s.idx) {
		if a.typ == auxFuncInfo {
			if i, ok := s.v.local(a.ref); ok {
				return s.v.data(i)
			}
		}
	}
	return nil
}
