package codec

import (
	"reflect"
	"unsafe"
)

// sliceHeader is a slice in memory.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// scan walks the graph, region by region in the order in which they are found, and refuses what cannot leave.
func (e *encoder) scan() error {
	for i := 0; i < len(e.regions); i++ {
		r := &e.regions[i]
		prog, p, n := r.prog, r.p, r.n
		if len(prog.refs) == 0 || r.kind == kindStatic {
			continue
		}
		for j := range uintptr(n) {
			at := place{region: int32(i), at: j * prog.size}
			if err := e.scanParts(prog.refs, at, unsafe.Add(p, at.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *encoder) scanParts(ops []*op, base place, memory unsafe.Pointer) error {
	for _, o := range ops {
		at, p := place{base.region, base.at + o.offset, o.typ}, unsafe.Add(memory, o.offset)
		var err error
		switch o.code {
		case opPointer:
			err = e.scanPointer(o, at, loadPointer(p))
		case opSlice:
			if s := (*sliceHeader)(p); s.len > 0 && o.elem().size > 0 {
				err = e.reach(at, s.data, o.elem(), s.len, kindElements)
			}
		case opArray:
			for j := 0; j < o.n && err == nil; j++ {
				step := uintptr(j) * o.sub.size
				err = e.scanParts(o.sub.refs, place{at.region, at.at + step, nil}, unsafe.Add(p, step))
			}
		case opMap:
			err = e.scanMap(at, p)
		case opInterface:
			err = e.scanInterface(at, p, dynamic(o.typ, p))
		case opFunc:
			err = e.scanFunc(at, p)
		case opNil:
			if *(*unsafe.Pointer)(p) != nil {
				err = e.refuseNonNil(at)
			}
		case opSpecial:
			err = e.scanSpecial(o.special, at, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) refuseNonNil(at place) error {
	if at.slot.Kind() == reflect.Chan {
		return e.refuse(at, "a channel joins goroutines of one process", "send what comes out of it, or nil")
	}
	return e.refuse(at, "what it points to is unknown", "use a typed pointer")
}

func (e *encoder) scanSpecial(s *special, at place, p unsafe.Pointer) error {
	if s.check != nil {
		if no := s.check(p); no != nil {
			return e.refuse(at, no.Reason, no.Hint)
		}
	}
	if s.scan != nil {
		return s.scan(e, at, p)
	}
	return nil
}

func (e *encoder) scanPointer(o *op, at place, q unsafe.Pointer) error {
	if q == nil {
		return nil
	}
	if err := e.checkPointer(o, at, q); err != nil || o.elem().size == 0 || o.isKnown(q) {
		return err
	}
	return e.reach(at, q, o.elem(), 1, kindMemory)
}

// checkPointer refuses what cannot leave where it is pointed to, so that the pointer's type is named.
func (e *encoder) checkPointer(o *op, at place, q unsafe.Pointer) error {
	s := o.elem().self
	if s == nil || s.check == nil || o.isKnown(q) {
		return nil
	}
	if no := s.check(q); no != nil {
		return e.refuse(at, no.Reason, no.Hint)
	}
	return nil
}

func (o *op) isKnown(q unsafe.Pointer) bool {
	if !o.known {
		return false
	}
	_, ok := nameOfKnown(q, o.elem().typ)
	return ok
}

// reach notes the region that a reference refers to.
func (e *encoder) reach(at place, p unsafe.Pointer, prog *program, n int, kind regionKind) error {
	return e.reachUnder(e.regions[at.region].root, at, p, prog, n, kind)
}

func (e *encoder) reachUnder(root int32, at place, p unsafe.Pointer, prog *program, n int, kind regionKind) error {
	key := regionKey{p, prog, n}
	if _, ok := e.index.get(key); ok {
		return nil
	}
	if name, offset, ok := e.h.StaticName(p, prog.size*uintptr(n)); ok {
		kind = kindStatic
		e.statics.put(int32(len(e.regions)), staticPlace{name, offset})
	}
	e.index.put(key, int32(len(e.regions)))
	e.regions = append(e.regions, region{p: p, prog: prog, n: n, kind: kind, root: root, place: at})
	return nil
}

func (e *encoder) scanMap(at place, p unsafe.Pointer) error {
	q := *(*unsafe.Pointer)(p)
	if q == nil {
		return nil
	}
	if _, ok := e.maps.get(q); ok {
		return nil
	}
	return e.scanEntries(at, q, reflect.NewAt(at.slot, p).Elem(), e.regions[at.region].root)
}

// scanEntries copies the entries of a map, so that both passes see the same in the same order.
func (e *encoder) scanEntries(at place, id unsafe.Pointer, m reflect.Value, root int32) error {
	t, n := m.Type(), m.Len()
	keys, values := reflect.MakeSlice(reflect.SliceOf(t.Key()), n, n), reflect.MakeSlice(reflect.SliceOf(t.Elem()), n, n)
	i := 0
	for iter := m.MapRange(); iter.Next(); i++ {
		if i == n {
			return errChanged()
		}
		keys.Index(i).SetIterKey(iter)
		values.Index(i).SetIterValue(iter)
	}
	if i < n {
		return errChanged()
	}
	if e.opts.Canonical {
		sortEntries(keys, values)
	}
	e.maps.put(id, int32(len(e.mapNodes)))
	first := int32(len(e.regions))
	e.mapNodes = append(e.mapNodes, mapNode{typ: t, root: root, keys: first, values: first + 1})
	e.regions = append(e.regions,
		region{p: keys.UnsafePointer(), prog: programOf(t.Key()), n: n, kind: kindKeys, root: root, place: at},
		region{p: values.UnsafePointer(), prog: programOf(t.Elem()), n: n, kind: kindValues, root: root, place: at})
	return nil
}

// dynamic returns what an interface variable holds.
func dynamic(t reflect.Type, p unsafe.Pointer) any {
	if t.NumMethod() == 0 {
		return *(*any)(p)
	}
	v := reflect.NewAt(t, p).Elem()
	if v.IsNil() {
		return nil
	}
	return v.Interface()
}

var rtypeType = reflect.TypeOf(reflect.TypeFor[int]())

func (e *encoder) scanInterface(at place, p unsafe.Pointer, held any) error {
	if held == nil {
		return nil
	}
	t := reflect.TypeOf(held)
	data := (*words)(unsafe.Pointer(&held)).data
	if t == rtypeType {
		_, err := e.typeRoot(at, held.(reflect.Type))
		return err
	}
	if err := e.checkDynamic(at, t, data); err != nil {
		return err
	}
	root, err := e.typeRoot(at, t)
	if err != nil {
		return err
	}
	prog := programOf(t)
	r := region{p: data, prog: prog, n: 1, root: root, place: at}
	switch {
	case prog.direct:
		r.p, r.kind = unsafe.Pointer(&(*words)(p).data), kindInline
	case prog.inlined():
		return nil
	default:
		r.kind = kindBox
		key := regionKey{data, prog, boxed}
		if _, ok := e.index.get(key); ok {
			return nil
		}
		e.index.put(key, int32(len(e.regions)))
	}
	e.regions = append(e.regions, r)
	return nil
}

// checkDynamic refuses what cannot leave before its type's name is asked for.
func (e *encoder) checkDynamic(at place, t reflect.Type, data unsafe.Pointer) error {
	if at.slot == contextType {
		return e.scanSpecial(taskContext, at, nil)
	}
	at.slot = t
	prog := programOf(t)
	if s := prog.self; s != nil && s.check != nil {
		p := data
		if prog.direct {
			word := data
			p = unsafe.Pointer(&word)
		}
		return e.scanSpecial(&special{check: s.check}, at, p)
	}
	if data == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return e.checkPointer(prog.ops[0], at, data)
	case reflect.Chan, reflect.UnsafePointer:
		return e.refuseNonNil(at)
	}
	return nil
}

// inlined reports whether a value in an interface is written there and then.
func (p *program) inlined() bool { return p.plain && p.size <= 32 }

// typeRoot returns the root that is a type's name.
func (e *encoder) typeRoot(at place, t reflect.Type) (int32, error) {
	if root, ok := e.rootIndex.get(t); ok {
		return root, nil
	}
	name, err := e.h.TypeName(t)
	if err != nil {
		at.slot = t
		return 0, e.refuseFor(at, err)
	}
	root := int32(len(e.roots))
	e.rootIndex.put(t, root)
	e.roots = append(e.roots, typeRoot{info: infoOf(t), name: name})
	return root, nil
}

func (e *encoder) scanFunc(at place, p unsafe.Pointer) error {
	q := *(*unsafe.Pointer)(p)
	if q == nil {
		return nil
	}
	if _, ok := e.funcs.get(q); ok {
		return nil
	}
	f, err := e.describe(at.slot, p)
	if err != nil {
		return e.refuseFor(at, err)
	}
	node := funcNode{typ: at.slot, root: e.regions[at.region].root}
	key := codeKey{code: f.Code, typ: at.slot}
	if f.Layout != nil {
		key.captures, node.captures = f.Layout, f.Captures
	}
	code, ok := e.codeIndex.get(key)
	if !ok {
		code = int32(len(e.roots))
		e.codeIndex.put(key, code)
		root := typeRoot{name: f.Code, fn: true, root: node.root, typ: at.slot}
		if key.captures != nil {
			root.info = infoOf(key.captures)
		}
		e.roots = append(e.roots, root)
	}
	node.code = code
	e.funcs.put(q, int32(len(e.fnNodes)))
	e.fnNodes = append(e.fnNodes, node)
	if prog := e.capturesOf(node); prog != nil && prog.size > 0 {
		return e.reachUnder(code, at, node.captures, prog, 1, kindCaptures)
	}
	return nil
}

// capturesOf returns the program of a func's captured variables, nil where there are none.
func (e *encoder) capturesOf(n funcNode) *program {
	if i := e.roots[n.code].info; i != nil {
		return programOf(i.typ)
	}
	return nil
}
