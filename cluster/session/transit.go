package session

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"unsafe"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/id"
	"mobula/internal/program"
)

// transit is the Host of one encoding or decoding: it sees which objects, actors and functions are in the value.
type transit struct {
	program.Program
	s *Session

	objects []*driver.Object // encoding: the value refers to them
	handles []*Actor         // encoding: and to these, which live as long as it is needed
	names   []string         // encoding: of the functions in the value, and of the types in its interfaces
	few     [2]string        // room for names

	home bool // encoding: the value goes back to where its variables came from

	values map[id.Object]wire.Payload // decoding: the objects that came with it
	made   map[id.Object]*Object
	actors map[id.Object]*Actor // by the objects of their constructors
}

// DescribeFunc also notes the function's name.
func (t *transit) DescribeFunc(f reflect.Value) (codec.Func, error) {
	d, err := t.Program.DescribeFunc(f)
	if err == nil {
		t.note(d.Code)
	}
	return d, err
}

// TypeName also notes the name.
func (t *transit) TypeName(of reflect.Type) (string, error) {
	name, err := t.Program.TypeName(of)
	if err == nil {
		t.note(name)
	}
	return name, err
}

// StaticName also names what variables that came from the reader point to.
func (t *transit) StaticName(p unsafe.Pointer, size uintptr) (name string, offset uintptr, ok bool) {
	if t.home {
		if h, is := t.Program.(interface {
			HomeName(p unsafe.Pointer) (string, bool)
		}); is {
			if name, ok := h.HomeName(p); ok {
				return name, 0, true
			}
		}
	}
	return t.Program.StaticName(p, size)
}

// Names are the names that were noted.
func (t *transit) Names() []string { return t.names }

func (t *transit) note(name string) {
	if t.names == nil {
		t.names = t.few[:0]
	}
	t.names = append(t.names, name)
}

func (t *transit) add(o *driver.Object) {
	if !slices.Contains(t.objects, o) {
		t.objects = append(t.objects, o)
	}
}

// ObjectHandle is what refers to an object from values that travel. What it holds is hidden from the compiler: see package mobula.
type ObjectHandle struct{ object any }

// ActorHandle is what refers to an actor from values that travel.
type ActorHandle struct{ actor any }

// HandleOf returns a handle of an object.
func HandleOf(o *Object) *ObjectHandle { return &o.handle }

// ObjectOf returns the object of a handle.
func ObjectOf(h *ObjectHandle) *Object {
	o, _ := h.object.(*Object)
	return o
}

// ActorHandleOf returns a handle of an actor.
func ActorHandleOf(a *Actor) *ActorHandle { return &ActorHandle{a} }

// ActorOf returns the actor of a handle.
func ActorOf(h *ActorHandle) *Actor {
	a, _ := h.actor.(*Actor)
	return a
}

func init() {
	codec.Register(reflect.TypeFor[ObjectHandle](), codec.Custom{
		Encode: func(h codec.Host, p unsafe.Pointer) ([]byte, error) {
			o := ObjectOf((*ObjectHandle)(p))
			t, ok := h.(*transit)
			if !ok || o == nil {
				return nil, &codec.Error{Reason: "a Ref that no task has made", Hint: "use what Go, Put or a sibling returned"}
			}
			t.add(o.Object)
			return o.ID.ID[:], nil
		},
		Decode: func(h codec.Host, data []byte, p unsafe.Pointer) error {
			o, err := h.(*transit).object(data)
			(*ObjectHandle)(p).object = o
			return err
		},
	})
	codec.Register(reflect.TypeFor[ActorHandle](), codec.Custom{
		Encode: func(h codec.Host, p unsafe.Pointer) ([]byte, error) {
			a := ActorOf((*ActorHandle)(p))
			t, ok := h.(*transit)
			if !ok || a == nil {
				return nil, &codec.Error{Reason: "an Actor that nobody has made", Hint: "use what NewActor or a sibling returned"}
			}
			return a.encode(t), nil
		},
		Decode: func(h codec.Host, data []byte, p unsafe.Pointer) error {
			a, err := h.(*transit).actor(data)
			(*ActorHandle)(p).actor = a
			return err
		},
	})
}

// object returns an object that came with the value.
func (t *transit) object(name []byte) (*Object, error) {
	var i id.Object
	if copy(i.ID[:], name) != len(i.ID) || len(name) != len(i.ID) {
		return nil, fmt.Errorf("%w: the name of an object has %d bytes", codec.ErrDamaged, len(name))
	}
	if o := t.made[i]; o != nil {
		return o, nil
	}
	value, ok := t.values[i]
	if !ok {
		return nil, fmt.Errorf("%w: object %s did not come with the value", codec.ErrDamaged, i.Short())
	}
	o, err := t.s.adopt(i, value)
	if err != nil {
		return nil, err
	}
	if t.made == nil {
		t.made = map[id.Object]*Object{}
	}
	t.made[i] = o
	return o, nil
}

// encode takes a value apart. Its buffers alias the value until stow has copied them.
func (s *Session) encode(v reflect.Value, name string) (codec.Encoded, *transit, error) {
	t := &transit{Program: s.conf.Program, s: s}
	room := heads.Get().(*[]byte)
	head, buffers, err := codec.Append((*room)[:0], nil, t, v, codec.Options{Name: name, Brief: true})
	if cap(head) > maxPooled {
		return codec.Encoded{Head: head, Buffers: buffers}, t, err
	}
	e := codec.Encoded{Head: bytes.Clone(head), Buffers: buffers}
	*room = head
	heads.Put(room)
	return e, t, err
}

// heads has memory in which heads grow: most are small, and copied once their size is known.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled bounds that memory in bytes.
const maxPooled = 64 << 10

// decode puts a value together in into.
func (s *Session) decode(value wire.Payload, into reflect.Value) error {
	e, err := s.fetch(value)
	if err != nil {
		return err
	}
	t := readers.Get().(*transit)
	defer readers.Put(t)
	s.read(t, value)
	err = codec.Decode(t, e, into)
	*t = transit{}
	return err
}

// readers are hosts of decodings: none is used after its own.
var readers = sync.Pool{New: func() any { return new(transit) }}

// reader is the Host for decoding a value.
func (s *Session) reader(value wire.Payload) *transit {
	t := new(transit)
	s.read(t, value)
	return t
}

// read makes t the Host for decoding a value.
func (s *Session) read(t *transit, value wire.Payload) {
	*t = transit{Program: s.conf.Program, s: s}
	if len(value.Refs) > 0 {
		t.values = make(map[id.Object]wire.Payload, len(value.Refs))
		for _, r := range value.Refs {
			t.values[r.Object] = r.Value
		}
	}
}
