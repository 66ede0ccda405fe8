package loader

import (
	"maps"
	"slices"
	"strings"
)

// Reach is what code of the notebook comes to by references: calls, functions as values, and methods of the types that it mentions.
type Reach struct {
	Variables []uintptr // of package main, ascending
	Functions []uintptr // entries of code that is called or used as a value
	Stores    []Store   // in that code
}

// Store is an instruction that writes to a variable of package main. What only a type's methods write is not listed.
type Store struct{ Variable, PC uintptr }

// node is a symbol of package main, or one that is built from it, with what it refers to.
type node struct {
	refs   []uintptr
	stores []Store
	typ    bool // a type, or a table of an interface: its methods are perhaps never called
}

// graph holds the references of everything that was loaded. Linker.mu guards it.
type graph struct {
	nodes     edges
	variables map[uintptr]variable
}

// variable is a variable of package main.
type variable struct {
	name string // link name
	size uintptr
}

func newGraph() graph {
	return graph{nodes: edges{}, variables: map[uintptr]variable{}}
}

func (n *node) refer(to uintptr) {
	if to != 0 && !slices.Contains(n.refs, to) {
		n.refs = append(n.refs, to)
	}
}

// edges are references by the address that they start from: those of a job until it has succeeded, and then of all.
type edges map[uintptr]*node

func (e edges) node(at uintptr) *node {
	n := e[at]
	if n == nil {
		n = &node{}
		e[at] = n
	}
	return n
}

// note records that s refers to t by a relocation whose field lies at pc.
func (j *job) note(s, t *symbol, r *reloc, out []byte, pc uintptr) {
	if !s.dep || s.addr == 0 || t == nil || t.addr == 0 || strings.HasPrefix(s.name, sdkDictionary) {
		return
	}
	n := j.edges.node(s.addr)
	n.typ = n.typ || s.isType()
	n.refer(t.addr)
	if s.text() && r.typ == relPCRel && isStore(out, r.off) {
		n.stores = append(n.stores, Store{t.addr, pc + uintptr(r.off)})
	}
}

// sdkDictionary begins the names of the dictionaries of the SDK's generic functions. They mention the types of tasks' values, of which the SDK calls no
// methods.
const sdkDictionary = "mobula..dict."

// noteItab records the types behind an interface table; their methods follow from them.
func (j *job) noteItab(at uintptr, pair [2]uintptr) {
	n := j.edges.node(at)
	n.typ = true
	n.refer(pair[1])
}

// rememberEdges makes the job's references current.
func (j *job) rememberEdges() {
	g := &j.l.graph
	maps.Copy(g.nodes, j.edges)
	for _, p := range j.jumps { // its old body is no longer reached
		g.nodes[p[0]] = &node{refs: []uintptr{p[1]}}
	}
	for _, grown := range j.grows {
		n := g.nodes.node(grown.addr)
		grown.table.relocs(func(r reloc) {
			if t := j.target(grown.table.v, r.ref); !r.noTarget() && t != nil {
				n.refer(t.addr)
			}
		})
	}
	for _, k := range []int{secNoptr, secData} {
		for _, s := range j.secs[k] {
			if s.dep && s.out != nil && strings.HasPrefix(s.name, "main.") && !private(s.name, false) {
				g.variables[s.addr] = variable{strings.Clone(s.name), uintptr(s.size)}
			}
		}
	}
}

// Reach follows references from the functions, types and dictionaries at the given addresses.
func (l *Linker) Reach(from []uintptr) Reach {
	l.mu.Lock()
	defer l.mu.Unlock()
	called := l.graph.follow(from, false)
	all := l.graph.follow(from, true)
	var r Reach
	for at := range all {
		if _, ok := l.graph.variables[at]; ok {
			r.Variables = append(r.Variables, at)
		}
	}
	slices.Sort(r.Variables)
	for _, at := range slices.Sorted(maps.Keys(called)) {
		n := l.graph.nodes[at]
		if n == nil {
			continue
		}
		if text := &l.mem.arenas[aText]; text.base <= at && at < text.base+text.cur {
			r.Functions = append(r.Functions, at)
		}
		for _, s := range n.stores {
			if _, ok := l.graph.variables[s.Variable]; ok {
				r.Stores = append(r.Stores, s)
			}
		}
	}
	return r
}

// follow returns all that is reached; without types, not what only their methods reach.
func (g *graph) follow(from []uintptr, types bool) map[uintptr]bool {
	seen := map[uintptr]bool{}
	work := slices.Clone(from)
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		if n := g.nodes[at]; n != nil && (types || !n.typ) {
			work = append(work, n.refs...)
		}
	}
	return seen
}

// VariableName returns the link name of the variable at an address.
func (l *Linker) VariableName(at uintptr) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.graph.variables[at]
	return v.name, ok
}

// InVariable reports whether an address lies in a variable of package main.
func (l *Linker) InVariable(p uintptr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, v := range l.graph.variables {
		if at <= p && p < at+v.size {
			return true
		}
	}
	return false
}

// isStore reports whether the instruction whose 32-bit displacement lies at an offset writes to the memory that it addresses relative to
// the program counter. Of instructions that only take the address it knows nothing.
func isStore(code []byte, at int) bool {
	if at < 3 || code[at-1]&0xc7 != 5 { // the ModRM byte
		return false
	}
	field := code[at-1] >> 3 & 7
	op := code[at-2]
	if code[at-3] == 0x0f {
		switch op {
		case 0x11, 0x13, 0x17, 0x29, 0x7e, 0x7f, 0xb0, 0xb1, 0xc0, 0xc1, 0xd6, 0xe7: // moves of vector registers, CMPXCHG, XADD
			return true
		}
		return op >= 0x90 && op <= 0x9f // SETcc
	}
	switch op {
	case 0x88, 0x89, 0xc6, 0xc7, 0x86, 0x87: // MOV, XCHG
		return true
	case 0x00, 0x01, 0x08, 0x09, 0x10, 0x11, 0x18, 0x19, 0x20, 0x21, 0x28, 0x29, 0x30, 0x31: // ADD to XOR
		return true
	case 0x80, 0x81, 0x83:
		return field != 7 // CMP
	case 0xf6, 0xf7:
		return field == 2 || field == 3 // NOT, NEG
	case 0xfe, 0xff:
		return field < 2 // INC, DEC
	case 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3: // shifts
		return true
	}
	return false
}
