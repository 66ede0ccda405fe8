package session

import (
	"bytes"
	"context"
	"hash/maphash"
	"maps"
	"runtime"
	"slices"
	"sync"
	"unsafe"
	"weak"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/id"
	"mobula/objstore"
)

// Large arrays that closures capture are objects of their own in the store: tasks that capture the same array share one copy.

// Loop is what the tasks of one loop have in common: what they capture does not change while they are submitted.
type Loop struct {
	arrays map[array]*driver.Object
}

// array is memory that was captured.
type array struct {
	start *byte
	size  int
}

func arrayOf(b []byte) array { return array{unsafe.SliceData(b), len(b)} }

// sharedArrays are those that were captured lately. Their memory may have changed since, or be another's by now.
type sharedArrays struct {
	mu     sync.Mutex // guards below
	lately []sharedArray
	come   map[id.Object]weak.Pointer[Object] // from other nodes, for tasks of this process
}

type sharedArray struct {
	at   uintptr // where it was
	size int
	mark uint64
	copy weak.Pointer[driver.Object]
}

var markSeed = maphash.MakeSeed()

// markedPart is the most that is hashed of a part of an array.
const markedPart = 4 << 20

// markOf tells most arrays apart that differ: comparing one with its object costs a round trip to the store.
func markOf(b []byte) uint64 {
	if len(b) <= 2*markedPart {
		return maphash.Bytes(markSeed, b)
	}
	return maphash.Bytes(markSeed, b[:markedPart]) ^ maphash.Bytes(markSeed, b[len(b)-markedPart:])<<1
}

// comparedMin is the size in bytes below which it takes longer to find out that an array is in the store than to put it there again.
const comparedMin = 4 << 20

// maxLately bounds how many are compared with.
const maxLately = 16

// pack makes a payload of a closure. The objects of the arrays that are not in it are inputs of the task.
func (s *Session) pack(e codec.Encoded, spec *Spec, cell, inlineMax int) (p wire.Payload, inputs []*driver.Object, err error) {
	p, inline := s.inline(e, inlineMax)
	if inline {
		return p, nil, nil
	}
	ctx, owner := s.driver.Context(), objstore.Owner{Cell: cell, Type: "closure of " + spec.Name}
	var shared []id.Object
	for i, b := range e.Buffers {
		if len(b) <= InlineMax || spec.Loop == nil && len(b) < comparedMin {
			continue
		}
		o, err := s.share(ctx, b, owner, spec.Loop)
		if err != nil {
			return p, nil, err
		}
		e.Buffers[i], shared, inputs = nil, append(shared, o.ID), append(inputs, o)
	}
	p, err = s.stow(ctx, e, owner, inlineMax)
	p.Shared = shared
	return p, inputs, err
}

// share returns an object of what an array holds now.
func (s *Session) share(ctx context.Context, b []byte, owner objstore.Owner, loop *Loop) (*driver.Object, error) {
	if loop != nil && loop.arrays[arrayOf(b)] != nil {
		return loop.arrays[arrayOf(b)], nil
	}
	mark := markOf(b)
	o := s.arrays.find(b, mark, s.holds)
	if o == nil {
		value, err := s.stow(ctx, codec.Encoded{Buffers: [][]byte{b}}, owner, 0)
		if err != nil {
			return nil, err
		}
		o = s.driver.Put(value, nil)
		o.Own(s.releaser(value.Place))
		s.arrays.add(b, mark, o)
	}
	if loop != nil {
		if loop.arrays == nil {
			loop.arrays = map[array]*driver.Object{}
		}
		loop.arrays[arrayOf(b)] = o
	}
	return o, nil
}

// holds reports whether an object is that of an array with these bytes.
func (s *Session) holds(o *driver.Object, b []byte) bool {
	value, err := o.Result()
	if err != nil {
		return false
	}
	e, err := s.fetch(value)
	return err == nil && len(e.Buffers) == 1 && bytes.Equal(e.Buffers[0], b)
}

// find returns the object of an array that was captured before at the same place, if it holds the same bytes.
func (a *sharedArrays) find(b []byte, mark uint64, holds func(*driver.Object, []byte) bool) *driver.Object {
	var candidates []*driver.Object
	a.mu.Lock()
	a.lately = slices.DeleteFunc(a.lately, func(x sharedArray) bool {
		o := x.copy.Value()
		if o != nil && x.at == uintptr(unsafe.Pointer(unsafe.SliceData(b))) && x.size == len(b) && x.mark == mark {
			candidates = append(candidates, o)
		}
		return o == nil
	})
	a.mu.Unlock()
	for _, o := range slices.Backward(candidates) { // the newest first
		if holds(o, b) {
			return o
		}
	}
	return nil
}

func (a *sharedArrays) add(b []byte, mark uint64, o *driver.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.lately) >= maxLately {
		a.lately = slices.Delete(a.lately, 0, 1)
	}
	a.lately = append(a.lately, sharedArray{uintptr(unsafe.Pointer(unsafe.SliceData(b))), len(b), mark, weak.Make(o)})
}

// fill puts the arrays of a payload, which are objects that it refers to, where they belong.
func (s *Session) fill(e *codec.Encoded, value wire.Payload) error {
	next := 0
	for i, b := range e.Buffers {
		if len(b) > 0 || next == len(value.Shared) {
			continue
		}
		at := slices.IndexFunc(value.Refs, func(r wire.Ref) bool { return r.Object == value.Shared[next] })
		if next++; at < 0 {
			continue // the codec finds that it is missing
		}
		inner, err := s.array(value.Refs[at])
		if err != nil {
			return err
		}
		if len(inner.Buffers) == 1 {
			e.Buffers[i] = inner.Buffers[0]
		}
	}
	return nil
}

// array reads an array that came with a task. One of another node is copied to this one, for the tasks that follow too.
func (s *Session) array(r wire.Ref) (codec.Encoded, error) {
	if r.Value.Place.Node == s.node {
		return s.fetch(r.Value)
	}
	o, err := s.arrays.arrived(r.Object, func() (*Object, error) { return s.adopt(r.Object, r.Value) })
	if err != nil {
		return codec.Encoded{}, err
	}
	held, err := o.Result()
	if err != nil {
		return codec.Encoded{}, err
	}
	e, err := s.fetch(held)
	runtime.KeepAlive(o)
	return e, err
}

// arrived returns an object that has come before, or has adopt bring it. Those that bring one at a time wait for the same transfer.
func (a *sharedArrays) arrived(object id.Object, adopt func() (*Object, error)) (*Object, error) {
	a.mu.Lock()
	o := a.come[object].Value()
	a.mu.Unlock()
	if o != nil {
		return o, nil
	}
	o, err := adopt() // without the lock: it may take seconds
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.come, func(_ id.Object, p weak.Pointer[Object]) bool { return p.Value() == nil })
	if a.come == nil {
		a.come = map[id.Object]weak.Pointer[Object]{}
	}
	a.come[object] = weak.Make(o)
	return o, nil
}
