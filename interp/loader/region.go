package loader

// Region is a part of the image's memory.
type Region struct {
	Start, End uintptr
	Code       bool // machine code
	Writable   bool // variables
}

// Regions returns what is loaded. All but the ends stay as they are for ever.
func (l *Linker) Regions() []Region {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Region
	for _, k := range []int{aText, aRO, aNoptr, aData} {
		a := &l.mem.arenas[k]
		list = append(list, Region{a.base, a.base + a.cur, k == aText, k == aNoptr || k == aData})
	}
	return list
}

// Level says how far each part of the image is filled. Processes of one executable that have loaded the same units, and made the same
// variables, in the same order have the same level: then everything lies at the same addresses in them.
func (l *Linker) Level() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	level := []uint64{uint64(l.mem.nfunc)}
	for i := range l.mem.arenas {
		level = append(level, uint64(l.mem.arenas[i].cur))
	}
	return level
}
