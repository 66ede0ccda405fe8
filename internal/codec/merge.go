package codec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// object is memory that is written and allocated as one: the union of regions that overlap.
type object struct {
	p      unsafe.Pointer
	prog   *program
	n      int
	root   int32
	buffer bool
}

func (r *region) address() uintptr { return uintptr(r.p) }
func (r *region) end() uintptr     { return uintptr(r.p) + r.prog.size*uintptr(r.n) }

// merge makes objects of the regions. Their ids follow the order in which the graph was
// walked, so that the same graph gives the same bytes wherever it lies.
func (e *encoder) merge() error {
	for i := range e.regions {
		r := &e.regions[i]
		r.object = -1
		switch {
		case r.kind.merges():
			e.order = append(e.order, int32(i))
		case r.kind == kindBuffer:
			e.bytes = append(e.bytes, int32(i))
		case r.kind == kindBox:
			r.object = e.newObject(object{p: r.p, prog: r.prog, n: 1, root: r.root})
		}
	}
	if err := e.joinAll(e.order); err != nil {
		return err
	}
	if err := e.joinAll(e.bytes); err != nil {
		return err
	}
	e.number()
	return nil
}

// joinAll makes objects of regions that share memory only with each other.
func (e *encoder) joinAll(order []int32) error {
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Compare(e.regions[i].address(), e.regions[j].address())
	})
	for len(order) > 0 {
		end, n := e.regions[order[0]].end(), 1
		for n < len(order) && e.regions[order[n]].address() < end {
			end = max(end, e.regions[order[n]].end())
			n++
		}
		if err := e.join(order[:n], end); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

func (e *encoder) newObject(o object) int32 {
	e.objects = append(e.objects, o)
	return int32(len(e.objects) - 1)
}

// join makes one object of regions that overlap, the first of which begins it.
func (e *encoder) join(group []int32, end uintptr) error {
	start := e.regions[group[0]].p
	if len(group) == 1 {
		r := &e.regions[group[0]]
		r.object = e.newObject(object{p: start, prog: r.prog, n: r.n, root: r.root})
		return nil
	}
	o := e.container(group, start, end)
	id := e.newObject(o)
	for _, i := range group {
		r := &e.regions[i]
		r.object, r.offset = id, r.address()-uintptr(start)
		if fitsRun(o.prog.typ, o.n, r.offset, r.prog.typ) < r.n {
			return e.contradiction(i, o)
		}
	}
	return nil
}

// container finds what a group of regions is part of: the one that covers all of it, or else a
// common array of the largest elements.
func (e *encoder) container(group []int32, start unsafe.Pointer, end uintptr) object {
	size := end - uintptr(start)
	best := int32(-1)
	better := func(i int32) bool {
		if best < 0 {
			return true
		}
		a, b := &e.regions[i], &e.regions[best]
		return cmp.Or(cmp.Compare(nesting(a.prog.typ), nesting(b.prog.typ)), cmp.Compare(best, i)) > 0
	}
	for _, i := range group {
		if r := &e.regions[i]; r.p == start && r.end() == end && better(i) {
			best = i
		}
	}
	if best >= 0 {
		r := &e.regions[best]
		return object{p: start, prog: r.prog, n: r.n, root: r.root}
	}
	var widest object
	for _, i := range group {
		r := &e.regions[i]
		flat, _ := flatten(r.prog.typ, 1)
		if widest.prog == nil || flat.Size() > widest.prog.size ||
			flat.Size() == widest.prog.size && nesting(flat) > nesting(widest.prog.typ) {
			widest = object{p: start, prog: programOf(flat), root: r.root}
		}
	}
	widest.n = int(size / widest.prog.size) // what is not a multiple does not fit, and is an error
	return widest
}

func (e *encoder) contradiction(i int32, o object) error {
	r := &e.regions[i]
	at := r.place
	if at.region < 0 {
		at.region, at.at, at.slot = i, 0, r.prog.typ
	}
	hint := "memory that unsafe gives two types cannot be sent"
	if at.region >= 0 && strings.Contains(e.regions[at.region].prog.typ.PkgPath(), "/arrow-go/") {
		hint = `import _ "mobula/arrowvalue" to send Arrow data`
	}
	return e.refuse(at, fmt.Sprintf("it shares memory with %s, which is laid out otherwise", o.prog.typ), hint)
}

// number gives objects their ids; 0 is the value itself, if it is an object of its own.
func (e *encoder) number() {
	ids := append(e.ids[:0], make([]int32, len(e.objects))...)
	sorted := append(e.sorted[:0], object{})
	for i := range e.regions {
		r := &e.regions[i]
		if r.object < 0 {
			continue
		}
		o := e.objects[r.object]
		id := ids[r.object]
		switch {
		case id != 0:
		case i == 0 && o.prog == r.prog && o.n == 1 && o.p == r.p:
			id, sorted[0] = -1, o // -1: object 0, known
		default:
			id = int32(len(sorted))
			size := int(o.prog.size) * o.n
			o.buffer = o.prog.raw && r.kind != kindBox && e.opts.BufferMin > 0 && size >= e.opts.BufferMin
			sorted = append(sorted, o)
		}
		ids[r.object] = id
		r.object = max(id, 0)
	}
	e.objects, e.sorted, e.ids = sorted, e.objects, ids
}
