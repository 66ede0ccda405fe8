package loader

import (
	"fmt"
	"strings"
)

// write relocates all placed symbols, and finds or reserves their itabs.
func (j *job) write() error {
	// Types first: reserving an itab reads them.
	for _, k := range []int{secRO, secText, secNoptr, secData} {
		if k == secText {
			if err := j.findItabs(); err != nil {
				return err
			}
		}
		for _, s := range j.secs[k] {
			if s.out == nil {
				continue
			}
			j.relocate(s, s.out, s.addr+s.pad, k == secRO)
			if j.errs != nil {
				return j.errs
			}
		}
	}
	for _, s := range j.secs[secRO] { // read-only data that holds itabs
		if s.out != nil && s.itab {
			j.relocate(s, s.out, s.addr, false)
		}
	}
	return j.errs
}

// relocate fills the addresses into out, the bytes of s, that lie at pc. With later set, references to
// itabs are left out, and s is marked to be done again.
func (j *job) relocate(s *symbol, out []byte, pc uintptr, later bool) {
	s.relocs(func(r reloc) {
		if r.noTarget() || r.typ == relKeep || j.errs != nil {
			return
		}
		missing := len(j.missing)
		t := j.target(s.v, r.ref)
		j.missing = j.missing[:missing] // an absent weak target is no error
		if t != nil && t.itab && later {
			s.itab = true
			return
		}
		if t != nil && !t.bound && !t.marked || t != nil && t.bound && t.addr == 0 && r.weak {
			return // weak and not loaded
		}
		if err := j.patch(s, t, &r, out, pc); err != nil {
			j.fail(err)
			return
		}
		j.note(s, t, &r, out, pc)
	})
}

// addend returns what a relocation adds to its target's address.
func (s *symbol) addend(t *symbol, r *reloc) int64 {
	switch {
	case t != nil && t.text() && r.add > 0: // into the body: a jump table
		return r.add + int64(t.pad)
	case t == s && s.gap > 0 && r.add >= int64(s.gap):
		return r.add + int64(s.shift)
	}
	return r.add
}

// patch resolves one relocation.
func (j *job) patch(s, t *symbol, r *reloc, out []byte, pc uintptr) error {
	v := s.addend(t, r)
	if t != nil {
		v += int64(t.addr)
	}
	if r.size != 8 && r.size != 4 {
		return damaged("relocation of %d bytes in %s", r.size, s.name)
	}
	b := out[r.off:]
	switch r.typ {
	case relAddr:
		if r.size == 8 {
			le.PutUint64(b, uint64(v))
			return nil
		}
	case relCall, relPCRel:
		v -= int64(pc) + int64(r.off) + int64(r.size)
	case relAddrOff, relMethodOff:
		base := j.l.mem.arenas[aRO].base
		if t.isText(j.l) {
			base = j.l.mem.arenas[aText].base
		}
		if v -= int64(base); v < 0 {
			return fmt.Errorf("%s refers to %s, which lies before the image", s.name, name(t))
		}
	case relTLSLE:
		v = j.l.host.tls + r.add
	case relSize:
		v = int64(t.sizeOf())
	default:
		return fmt.Errorf("%s has a relocation of unknown type %d: an unknown toolchain", s.name, r.typ)
	}
	if v != int64(int32(v)) && r.typ != relAddr {
		return fmt.Errorf("%s refers to %s, which is too far away", s.name, name(t))
	}
	le.PutUint32(b, uint32(v))
	return nil
}

func (s *symbol) sizeOf() uint32 {
	if s == nil {
		return 0
	}
	return s.size
}

func name(s *symbol) string {
	if s == nil {
		return "nothing"
	}
	return s.name
}

// isText reports whether a symbol's address is one of code.
func (s *symbol) isText(l *Linker) bool {
	if s == nil || strings.HasPrefix(s.name, "type:") && !s.text() && !strings.HasPrefix(s.name, "type:.") {
		return false
	}
	if s.v != nil && s.kind != 0 {
		return s.text()
	}
	a := &l.mem.arenas[aText]
	return s.addr >= a.base && s.addr < a.base+a.limit || s.addr >= l.hostText[0] && s.addr < l.hostText[1]
}

// findItabs gives each itab its address: that in the runtime's table, or one reserved now.
func (j *job) findItabs() error {
	for _, s := range j.itabs {
		var pair [2]uintptr
		s.relocs(func(r reloc) {
			if r.typ == relAddr && r.size == 8 && r.off < 16 {
				if t := j.target(s.v, r.ref); t != nil {
					pair[r.off/8] = t.addr
				}
			}
		})
		if pair[0] == 0 || pair[1] == 0 {
			return damaged("itab %s has no types", s.name)
		}
		a, ok := j.pairs[pair]
		if !ok {
			m, fresh := findItab(pointer(pair[0]), pointer(pair[1]))
			if a = uintptr(m); fresh {
				j.fresh = append(j.fresh, a)
			}
			j.pairs[pair] = a
		}
		s.addr, s.bound = a, true
		j.noteItab(a, pair)
	}
	return nil
}

// fillMasks tells the collector where the new variables have pointers.
func (j *job) fillMasks() error {
	for _, s := range j.secs[secData] {
		if s.out == nil {
			continue
		}
		var t *symbol
		for a := range s.v.auxes(s.idx) {
			if a.typ == auxGotype {
				t = j.target(s.v, a.ref)
			}
		}
		if t == nil || t.addr == 0 {
			return damaged("variable %s has no type", s.name)
		}
		if size := typeUint64(t.addr, 0); size > uint64(s.size) {
			return damaged("variable %s of %d bytes has a type of %d", s.name, s.size, size)
		}
		if err := j.l.setMask(s.addr, t.addr); err != nil {
			return err
		}
	}
	return nil
}

func typeUint64(t uintptr, off uintptr) uint64 { return le.Uint64(bytesAt(t+off, 8)) }

// setMask sets the bits of one variable of a type in the mask of the data range.
func (l *Linker) setMask(addr, typ uintptr) error {
	words := uintptr(typeUint64(typ, typePtrBytes)) / 8
	d, m := &l.mem.arenas[aData], &l.mem.arenas[aMask]
	if need := d.cur/64 + 8; need > m.cur {
		if _, err := m.alloc(need-m.cur, 1); err != nil {
			return err
		}
	}
	if words == 0 {
		return nil
	}
	gc := typeMask(pointer(typ))
	bits := bytesAt(addrOf(gc), (words+7)/8)
	mask := m.bytes(m.base, m.cur)
	first := (addr - d.base) / 8
	for i := range words {
		if bits[i/8]>>(i%8)&1 != 0 {
			k := first + i
			mask[k/8] |= 1 << (k % 8)
		}
	}
	return nil
}
