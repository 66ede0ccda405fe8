package loader

import (
	"path/filepath"
	"sort"
	"strings"
	"unsafe"
)

// tables has the layout of mobulaTables in the host's runtime (see package overlay).
type tables struct {
	pcHeader              uintptr
	funcnametab           []byte
	cutab                 []uint32
	filetab               []byte
	pctab                 []byte
	pclntable             []byte
	ftab                  uintptr
	nftab                 int
	findfunctab           uintptr
	text, etext           uintptr
	noptrdata, enoptrdata uintptr
	data, edata           uintptr
	types, etypes, ro     uintptr
	mask                  uintptr
	typelinks             []int32
}

const tablesSize = unsafe.Sizeof(tables{})

// function collects what the runtime wants to know of a function.
type function struct {
	s       *symbol
	info    []byte
	data    []*symbol // funcdata
	pcdata  []*symbol
	pc      [4]*symbol // pcsp, pcfile, pcline, pcinline
	inl     []inlineNode
	inlTree uint32
}

// tableWriter writes the function tables of one job.
type tableWriter struct {
	j     *job
	m     *image
	names map[string]uint32
	pcs   map[pcKey]uint32
	units map[*view]uint32
	files map[string]uint32
}

type pcKey struct {
	s   *symbol
	pad uintptr
}

// writeTables appends the job's functions to the tables.
func (j *job) writeTables() error {
	w := &tableWriter{j: j, m: &j.l.mem, names: map[string]uint32{}, pcs: map[pcKey]uint32{}, units: map[*view]uint32{}, files: map[string]uint32{}}
	texts := j.secs[secText]
	if len(texts) == 0 {
		return nil
	}
	first := w.m.nfunc
	p, err := w.m.arenas[aFtab].alloc(uintptr(8*len(texts)), 8)
	if err != nil {
		return err
	}
	ftab := bytesAt(p-8, uintptr(8*len(texts))) // begins at the sentinel: readers stop there as before
	for i, s := range texts {
		off, err := w.function(s)
		if err != nil {
			return err
		}
		le.PutUint32(ftab[8*i+4:], off)
		le.PutUint32(ftab[8*i:], uint32(s.addr-w.m.arenas[aText].base))
	}
	w.m.nfunc += len(texts)
	return w.buckets(first)
}

func (w *tableWriter) function(s *symbol) (uint32, error) {
	f, err := w.collect(s)
	if err != nil {
		return 0, err
	}
	if len(f.inl) > 0 {
		if f.inlTree, err = w.inlineTree(f); err != nil {
			return 0, err
		}
	}
	b, err := w.encode(f)
	if err != nil {
		return 0, err
	}
	return w.m.arenas[aFuncs].append(b, 4)
}

func (w *tableWriter) collect(s *symbol) (*function, error) {
	f := &function{s: s}
	for a := range s.v.auxes(s.idx) {
		var t *symbol
		if i, ok := s.v.local(a.ref); ok && a.ref != (ref{}) && i < s.v.defs() {
			t = s.v.symbol(i)
		}
		switch a.typ {
		case auxFuncInfo:
			if t != nil {
				f.info = t.data()
			}
		case auxFuncdata:
			f.data = append(f.data, w.j.target(s.v, a.ref))
		case auxPcsp, auxPcfile, auxPcline, auxPcinline:
			f.pc[a.typ-auxPcsp] = t
		case auxPcdata:
			f.pcdata = append(f.pcdata, t)
		}
	}
	if f.info != nil && len(f.info) < funcInfoInlHeader {
		return nil, damaged("description of %s is short", s.name)
	}
	f.inl = inlineNodes(f.info)
	if len(f.data) > 255 || len(f.pcdata) > 255 {
		return nil, damaged("function %s has %d tables", s.name, len(f.data)+len(f.pcdata))
	}
	return f, nil
}

// encode makes the runtime's description of a function (runtime._func).
func (w *tableWriter) encode(f *function) ([]byte, error) {
	nfd, npd := len(f.data), len(f.pcdata)
	if len(f.inl) > 0 {
		nfd, npd = max(nfd, funcdataInlTree+1), max(npd, pcdataInlTree+1)
	}
	var args, line uint32
	var id, flag byte
	if f.info != nil {
		args, id, flag, line = le.Uint32(f.info), f.info[8], f.info[9], le.Uint32(f.info[12:])
	}
	b := make([]byte, 0, 44+4*(npd+nfd))
	u32 := func(x uint32) { b = le.AppendUint32(b, x) }
	u32(uint32(f.s.addr - w.m.arenas[aText].base))
	u32(w.name(stripVersions(f.s.name)))
	u32(args)
	u32(w.deferReturn(f.s))
	u32(w.pcTable(f.pc[0], f.s.pad))
	u32(w.pcTable(f.pc[1], f.s.pad))
	u32(w.pcTable(f.pc[2], f.s.pad))
	u32(uint32(npd))
	u32(w.unit(f.s.v))
	u32(line)
	b = append(b, id, flag, 0, byte(nfd))
	for i := range npd {
		switch {
		case i == pcdataInlTree && len(f.inl) > 0:
			u32(w.pcTable(f.pc[3], f.s.pad))
		case i < len(f.pcdata):
			u32(w.pcTable(f.pcdata[i], f.s.pad))
		default:
			u32(0)
		}
	}
	for i := range nfd {
		u32(w.funcdata(f, i))
	}
	return b, w.j.errs
}

// funcdata returns the offset of a function's data of kind i, all ones for none.
func (w *tableWriter) funcdata(f *function, i int) uint32 {
	ro := w.m.arenas[aRO].base
	switch {
	case i == funcdataInlTree && len(f.inl) > 0:
		return f.inlTree
	case i < len(f.data) && f.data[i] != nil && f.data[i].addr >= ro && f.data[i].addr != w.j.l.zero:
		return uint32(f.data[i].addr - ro)
	}
	return ^uint32(0)
}

// append adds to a table; errors are kept in the job.
func (w *tableWriter) append(arena int, b []byte) uint32 {
	off, err := w.m.arenas[arena].append(b, 1)
	if err != nil {
		w.j.fail(err)
	}
	return off
}

func (w *tableWriter) name(n string) uint32 {
	off, ok := w.names[n]
	if !ok {
		off = w.append(aNames, append([]byte(n), 0))
		w.names[n] = off
	}
	return off
}

// pcTable adds a table of values by program counter.
func (w *tableWriter) pcTable(s *symbol, pad uintptr) uint32 {
	if s == nil || len(s.data()) == 0 {
		return 0
	}
	k := pcKey{s, pad}
	off, ok := w.pcs[k]
	if !ok {
		off = w.append(aPC, shiftPC(s.data(), pad))
		w.pcs[k] = off
	}
	return off
}

// unit adds the list of an object's source files and returns its place.
func (w *tableWriter) unit(v *view) uint32 {
	if off, ok := w.units[v]; ok {
		return off
	}
	b := make([]byte, 0, 4*len(v.files))
	for _, f := range v.files {
		if rest, ok := strings.CutPrefix(f, "$GOROOT"); ok {
			f = filepath.Join(w.j.l.goroot, rest)
		}
		off, ok := w.files[f]
		if !ok {
			off = w.append(aFiles, append([]byte(stripFile(f)), 0))
			w.files[f] = off
		}
		b = le.AppendUint32(b, off)
	}
	off, err := w.m.arenas[aCU].append(b, 4)
	if err != nil {
		w.j.fail(err)
	}
	w.units[v] = off / 4
	return off / 4
}

// stripFile removes the marker that the compiler puts before names of files.
func stripFile(f string) string { return strings.TrimPrefix(f, "gofile..") }

// deferReturn returns the offset of the call of runtime.deferreturn that a recovered function goes on with.
func (w *tableWriter) deferReturn(s *symbol) uint32 {
	off := uint32(0)
	s.relocs(func(r reloc) {
		if off == 0 && r.typ == relCall {
			if t := w.j.target(s.v, r.ref); t != nil && t.name == "runtime.deferreturn" {
				off = uint32(r.off) - 1 + uint32(s.pad)
			}
		}
	})
	return off
}

// inlineTree adds the tree of calls inlined into a function.
func (w *tableWriter) inlineTree(f *function) (uint32, error) {
	const node = 16
	b := make([]byte, node*len(f.inl))
	for i, n := range f.inl {
		e := b[node*i:]
		name := ""
		if k, ok := f.s.v.local(n.fn); ok {
			t := f.s.v.symbol(k)
			name = t.name
			if info := w.j.funcInfo(t); len(info) >= funcInfoInlHeader {
				e[0] = info[8]
				copy(e[12:16], info[12:16])
			}
		} else if n.fn.pkg == pkgBuiltin && int(n.fn.sym) < len(w.j.l.builtins) {
			name = w.j.l.builtins[n.fn.sym].name
		} else if err := f.s.v.checkRef(n.fn); err != nil || n.fn == (ref{}) {
			return 0, damaged("inlined call %d of %s", i, f.s.name)
		} else if name, err = w.j.refName(f.s.v, n.fn); err != nil {
			return 0, err
		}
		le.PutUint32(e[4:], w.name(stripVersions(name)))
		le.PutUint32(e[8:], n.parentPC+uint32(f.s.pad))
	}
	return w.m.arenas[aRO].append(b, 4)
}

// buckets extends the table that finds a function by address. first is the index of the first new function.
func (w *tableWriter) buckets(first int) error {
	text, fns := &w.m.arenas[aText], w.j.secs[secText]
	covering := func(off uintptr) uint32 {
		i := sort.Search(len(fns), func(i int) bool { return fns[i].addr-text.base > off })
		return uint32(max(first+i-1, 0))
	}
	a := &w.m.arenas[aBuckets]
	if need := up(text.cur, bucketSize) / bucketSize * bucketBytes; need > a.cur {
		if _, err := a.alloc(need-a.cur, 1); err != nil {
			return err
		}
	}
	tab := bytesAt(a.base, a.cur)
	start := up(w.j.mark0.cur[aText], subbucketSize)
	for off := start; off < text.cur; off += subbucketSize {
		b := tab[off/bucketSize*bucketBytes:]
		if off%bucketSize == 0 {
			le.PutUint32(b, covering(off))
		}
		b[4+off%bucketSize/subbucketSize] = byte(covering(off) - le.Uint32(b))
	}
	return nil
}

// endFtab writes the sentinel of the function index: where text ends.
func (m *image) endFtab() {
	e := bytesAt(m.arenas[aFtab].base+uintptr(8*m.nfunc), 8)
	le.PutUint32(e, uint32(m.arenas[aText].cur))
	le.PutUint32(e[4:], 0)
}

// updateTables makes l.tables describe the arenas as they are filled now.
func (l *Linker) updateTables() {
	m := &l.mem
	m.endFtab()
	all := func(k int) []byte { return bytesAt(m.arenas[k].base, m.arenas[k].cur) }
	t := &l.tables
	t.pcHeader = m.header
	t.funcnametab, t.filetab, t.pctab, t.pclntable = all(aNames), all(aFiles), all(aPC), all(aFuncs)
	t.cutab = wordsAt(m.arenas[aCU].base, m.arenas[aCU].cur/4)
	t.ftab, t.nftab, t.findfunctab = m.arenas[aFtab].base, m.nfunc+1, m.arenas[aBuckets].base
	t.text, t.etext = m.arenas[aText].base, m.arenas[aText].base+m.arenas[aText].cur
	t.noptrdata, t.enoptrdata = m.arenas[aNoptr].base, m.arenas[aNoptr].base+m.arenas[aNoptr].cur
	t.data, t.edata = m.arenas[aData].base, m.arenas[aData].base+up(m.arenas[aData].cur, 8)
	t.types, t.etypes, t.ro = m.arenas[aRO].base, l.hostEnd, m.arenas[aRO].base+m.arenas[aRO].limit
	t.mask = m.arenas[aMask].base
}
