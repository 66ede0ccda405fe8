package loader

import "mobula/interp/loader/dl"

func openC(path string) error { return dl.Open(path) }

// resolveC binds a symbol of C.
func (j *job) resolveC(s *symbol) {
	a, ok := dl.Symbol(s.name)
	if !ok {
		j.missing = append(j.missing, s.name+" (C)")
		return
	}
	s.addr, s.bound = a, true
}
