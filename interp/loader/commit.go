package loader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// typelink is an entry of the module's list of types that reflect searches by name.
type typelink struct {
	name string
	off  int32
}

// start reserves the image's addresses and registers it, empty, with the runtime.
func (l *Linker) start() error {
	_, etypes, text, etext := hostTypes()
	l.hostEnd, l.hostText = etypes, [2]uintptr{text, etext}
	if err := l.mem.reserve(l.host.start &^ (1<<21 - 1)); err != nil {
		return err
	}
	m := &l.mem
	// A first function that is never called, as the runtime wants one at the start of text.
	const trap, headerSize, funcSize = 0xcc, 72, 44
	for _, x := range []struct {
		arena, size int
	}{{aText, 16}, {aFuncs, funcSize}, {aFtab, 16}, {aBuckets, bucketBytes}, {aNames, 1}, {aPC, 1}, {aMask, 8}, {aRO, 8}, {aRO, headerSize}} {
		p, err := m.arenas[x.arena].alloc(uintptr(x.size), 1)
		if err != nil {
			return err
		}
		m.header = p
	}
	for i := range bytesAt(m.arenas[aText].view, 16) {
		bytesAt(m.arenas[aText].view, 16)[i] = trap
	}
	m.nfunc = 1
	h := bytesAt(m.header, headerSize)
	le.PutUint32(h, pclnMagic)
	h[6], h[7] = 1, 8 // instruction quantum and pointer size
	l.updateTables()
	if !register(&l.tables, tablesSize) {
		return fmt.Errorf("the session host's runtime has other tables than the linker: build it anew")
	}
	return nil
}

// planJumps finds the functions whose entries become jumps.
func (j *job) planJumps() error {
	jump := func(name string, to *symbol) {
		for _, e := range j.l.entries[name] {
			if e != to.addr {
				j.jumps = append(j.jumps, [2]uintptr{e, to.addr})
			}
		}
	}
	for _, s := range j.secs[secText] {
		if s.v.unit && s.dep && s.pad != 0 && !private(s.name, true) {
			jump(s.name, s)
		}
	}
	for _, r := range j.u.Redirect {
		to := &symbol{name: r[1], addr: j.l.syms[r[1]]}
		for _, s := range j.secs[secText] {
			if s.v.unit && s.name == r[1] {
				to = s
			}
		}
		if to.addr == 0 {
			return fmt.Errorf("redirect %s: %s is neither loaded nor in this unit", r[0], r[1])
		}
		jump(r[0], to)
	}
	for _, p := range j.jumps {
		d := int64(p[1]) - int64(p[0]) - 5
		if d != int64(int32(d)) {
			return fmt.Errorf("jump from %#x to %#x is too far", p[0], p[1])
		}
		code := make([]byte, 5)
		code[0] = 0xe9
		le.PutUint32(code[1:], uint32(d))
		t := &j.l.mem.arenas[aText]
		j.stores = append(j.stores, store{p[0] - t.base + t.view, code})
	}
	return nil
}

// commit makes everything current while the world is stopped.
func (j *job) commit() error {
	l := j.l
	links := j.mergeLinks()
	old := l.tables
	l.updateTables()
	l.tables.typelinks = make([]int32, len(links))
	for i, k := range links {
		l.tables.typelinks[i] = k.off
	}
	if len(j.jumps) > 0 {
		prepareSync()
	}
	if err := j.stop(); err != nil {
		l.tables = old
		return err
	}
	j.apply([2][]cacheSym{l.caches, l.host.caches})
	startWorld()
	l.links = links
	j.remember()
	return nil
}

// stop stops the world at a moment when no other goroutine has made one of the reserved itabs.
func (j *job) stop() error {
	for {
		reserveItabs(uintptr(len(j.fresh)) + 64)
		stopWorld()
		if !j.conflict() {
			return nil
		}
		startWorld()
		if err := j.retryItabs(); err != nil {
			return err
		}
	}
}

// apply does all that the world is stopped for. It neither allocates nor fails.
func (j *job) apply(caches [2][]cacheSym) {
	for i := range j.stores {
		copy(bytesAt(j.stores[i].addr, uintptr(len(j.stores[i].data))), j.stores[i].data)
	}
	publish(&j.l.tables)
	if len(j.grownAt) > 0 {
		refreshItabs(j.grownAt)
		clearCaches(caches)
	}
	for _, m := range j.fresh {
		addItab(pointer(m))
	}
	if len(j.jumps) > 0 {
		syncCores()
	}
}

// clearCaches makes every compiled assertion ask the runtime again. The world is stopped.
func clearCaches(caches [2][]cacheSym) {
	for _, list := range caches {
		for _, c := range list {
			if c.sw {
				clearSwitch(pointer(c.addr))
			} else {
				clearAssert(pointer(c.addr))
			}
		}
	}
}

// conflict reports whether another goroutine made an itab of a reserved pair in the meantime.
func (j *job) conflict() bool {
	for _, m := range j.fresh {
		if itabTaken(pointer(m)) {
			return true
		}
	}
	return false
}

// retryItabs looks the itabs up again and relocates what refers to them.
func (j *job) retryItabs() error {
	clear(j.pairs)
	j.fresh = j.fresh[:0]
	if err := j.findItabs(); err != nil {
		return err
	}
	for k := range j.secs {
		for _, s := range j.secs[k] {
			if s.out != nil {
				copy(s.out, s.data())
				j.relocate(s, s.out, s.addr+s.pad, false)
			}
		}
	}
	return j.errs
}

// mergeLinks returns the sorted list of types with those of the job.
func (j *job) mergeLinks() []typelink {
	links := slices.Clone(j.l.links)
	for _, s := range j.secs[secRO] {
		if s.flag&flagTypelink != 0 && s.isType() && s.out != nil {
			links = append(links, typelink{typeString(s.addr, j.l.mem.arenas[aRO].base), int32(s.addr - j.l.mem.arenas[aRO].base)})
		}
	}
	slices.SortStableFunc(links, func(a, b typelink) int { return cmp.Compare(a.name, b.name) })
	return links
}

// typeString reads the string of a type in the image; it shares the image's memory.
func typeString(t, types uintptr) string {
	d := bytesAt(t, typeSize)
	p := types + uintptr(le.Uint32(d[typeStr:]))
	n, shift, i := uintptr(0), 0, uintptr(1)
	for ; ; i++ {
		c := bytesAt(p+i, 1)[0]
		n |= uintptr(c&0x7f) << shift
		if shift += 7; c < 0x80 {
			break
		}
	}
	s := stringAt(p+i+1, n)
	if d[typeTFlag]&tflagExtraStar != 0 {
		return s[1:]
	}
	return s
}

// remember enters the job's symbols into the linker's tables.
func (j *job) remember() {
	l := j.l
	for k := range j.secs {
		for _, s := range j.secs[k] {
			j.rememberOne(s, k)
		}
	}
	for _, r := range j.u.Redirect {
		for _, e := range l.entries[r[0]] {
			if !slices.Contains(l.entries[r[1]], e) {
				l.entries[r[1]] = slices.Insert(l.entries[r[1]], 0, e)
			}
		}
	}
	for _, p := range j.packs {
		l.packages[strings.Clone(p)] = true
	}
	j.rememberEdges()
	j.queueInits()
	l.mem.arenas[aText].releaseView()
}

func (j *job) rememberOne(s *symbol, section int) {
	l := j.l
	if i := strings.Index(s.name, ".."); i >= 0 && section != secText {
		if n := s.name[i+2:]; strings.HasPrefix(n, "typeAssert.") || strings.HasPrefix(n, "interfaceSwitch.") {
			l.caches = append(l.caches, cacheSym{s.addr, n[0] == 'i'})
		}
	}
	if s.hashed() || s.anonymous() || s.dep && !s.shared() && !j.defined[s.name] {
		return
	}
	name := strings.Clone(key(s.name, s.abi, s.text()))
	l.syms[name] = s.addr
	if s.pad != 0 {
		l.entries[name] = append(l.entries[name], s.addr)
	}
	if s.bare() != nil || s.gap > 0 {
		l.room[s.addr] = true
	}
}

// queueInits keeps the initialisers of new packages for Loaded.Init. An inittask is its state,
// the number of functions, and their addresses.
func (j *job) queueInits() {
	for _, t := range j.tasks {
		if t.out == nil {
			continue
		}
		n := int(le.Uint32(t.out[4:]))
		var fns []uintptr
		for i := range min(n, (len(t.out)-8)/8) {
			fns = append(fns, uintptr(le.Uint64(t.out[8+8*i:])))
		}
		if len(fns) > 0 {
			j.l.inits = append(j.l.inits, fns)
		}
	}
}
