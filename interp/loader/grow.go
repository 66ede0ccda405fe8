package loader

import "slices"

// growth is a loaded type of main that gets more methods. Its descriptor stays where it is; the
// unit's longer method table is placed anew.
type growth struct {
	name   string
	addr   uintptr // the live type
	table  *symbol // the unit's method table
	head   *symbol // the unit's uncommon part
	offset int     // of the uncommon part
	first  bool    // the type had no uncommon part
}

// store is a write into live memory that waits for the world to stop.
type store struct {
	addr uintptr
	data []byte
}

// planGrowth finds the types of the unit that are loaded with fewer methods.
func (j *job) planGrowth() error {
	for _, v := range j.views {
		if !v.unit {
			continue
		}
		for i := range v.defs() {
			s := v.symbol(i)
			if !s.dep || !s.isType() {
				continue
			}
			if addr, ok := j.l.syms[s.name]; ok {
				j.planType(s, addr)
			}
		}
	}
	return j.errs
}

// uncommonOf returns the place of the uncommon part and of the method table in a descriptor, and the
// number of methods.
func uncommonOf(d []byte) (at, table, n int, ok bool) {
	if len(d) < typeSize || d[typeTFlag]&tflagUncommon == 0 {
		return 0, 0, 0, false
	}
	at = uncommonOffset(d[typeKind])
	if at+uncommonSize > len(d) {
		return 0, 0, 0, false
	}
	n = int(le.Uint16(d[at+uncommonMcount:]))
	table = at + int(le.Uint32(d[at+uncommonMoff:]))
	return at, table, n, n == 0 || table >= 0 && table+n*methodSize <= len(d)
}

func (j *job) planType(s *symbol, addr uintptr) {
	at, table, n, ok := uncommonOf(s.data())
	if !ok || n == 0 {
		return
	}
	live := bytesAt(addr, typeSize)
	first := live[typeTFlag]&tflagUncommon == 0
	if first && !j.l.room[addr] || live[typeKind] != s.kindByte() {
		return
	}
	if !first && int(le.Uint16(bytesAt(addr+uintptr(at)+uncommonMcount, 2))) >= n {
		return
	}
	g := &growth{name: s.name, addr: addr, offset: at, first: first}
	part := func(from, to int) *symbol {
		return &symbol{v: s.v, idx: s.idx, name: s.name, kind: s.kind, size: uint32(to - from), align: 8, from: from, to: to, def: true, dep: true, resolved: true}
	}
	g.table, g.head = part(table, table+n*methodSize), part(at, at+uncommonSize)
	for _, p := range []*symbol{g.table, g.head} {
		p.relocs(func(r reloc) {
			if !r.noTarget() {
				j.mark(j.target(s.v, r.ref))
			}
		})
	}
	j.grows = append(j.grows, g)
}

func (s *symbol) kindByte() byte { return s.data()[typeKind] }

// finishGrowth places the new method tables and plans the writes that make them current.
func (j *job) finishGrowth() error {
	ro := &j.l.mem.arenas[aRO]
	for _, g := range j.grows {
		p, err := ro.alloc(uintptr(g.table.size), 8)
		if err != nil {
			return err
		}
		out := ro.bytes(p, uintptr(g.table.size))
		copy(out, g.table.data())
		j.relocate(g.table, out, p, false)
		head := slices.Clone(g.head.data())
		j.relocate(g.head, head, 0, false)
		uncommon := g.addr + uintptr(g.offset)
		le.PutUint32(head[uncommonMoff:], uint32(p-uncommon))
		if !g.first {
			copy(head[:4], bytesAt(uncommon, 4)) // the package path stays
		}
		j.stores = append(j.stores, store{uncommon, head})
		if g.first {
			j.stores = append(j.stores, store{g.addr + typeTFlag, []byte{bytesAt(g.addr+typeTFlag, 1)[0] | tflagUncommon}})
		}
		j.grownAt = append(j.grownAt, g.addr)
		j.grown = append(j.grown, stripVersions(g.name[len("type:"):]))
	}
	return j.errs
}
