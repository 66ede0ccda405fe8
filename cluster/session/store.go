package session

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	storewire "mobula/objstore/wire"
)

// InlineMax is the size in bytes up to which values travel in messages; as Ray's max_direct_call_object_size.
const InlineMax = 100_000

// stores are this process's connections to object stores. The sessions of a process share one: the store counts references by connection, and
// a worker gives up in one session what it holds in another.
var stores struct {
	sync.Mutex
	byPath map[string]*sharedStore
}

type sharedStore struct {
	client   *client.Client
	sessions int
}

func openStore(path string) (*client.Client, error) {
	stores.Lock()
	defer stores.Unlock()
	if s := stores.byPath[path]; s != nil && !isDone(s.client.Done()) {
		s.sessions++
		return s.client, nil
	}
	conn, err := storewire.Dial(path)
	if err != nil {
		return nil, err
	}
	s := &sharedStore{client: client.New(conn, client.Options{}), sessions: 1}
	if stores.byPath == nil {
		stores.byPath = map[string]*sharedStore{}
	}
	stores.byPath[path] = s
	return s.client, nil
}

// leaveStore is the reverse of openStore: the last session closes the connection.
func leaveStore(c *client.Client) error {
	stores.Lock()
	for path, s := range stores.byPath {
		if s.client != c {
			continue
		}
		if s.sessions--; s.sessions > 0 {
			stores.Unlock()
			return nil
		}
		delete(stores.byPath, path)
	}
	stores.Unlock()
	return c.Close()
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// stow makes a payload of an encoded value: in the store if it is large, else with copies of what it aliases.
func (s *Session) stow(ctx context.Context, e codec.Encoded, owner objstore.Owner) (wire.Payload, error) {
	p, ok := s.inline(e)
	if ok {
		return p, nil
	}
	size := p.Size()
	object := id.New[id.Object]()
	owner.Job = s.conf.Job.Short()
	if err := s.store.PutBuffers(ctx, object, e.Head, e.Buffers, client.Meta{Owner: owner}); err != nil {
		return wire.Payload{}, err
	}
	return wire.Payload{Place: wire.Place{Node: s.node, Object: object, Size: uint64(size)}}, nil
}

// inline makes a payload of a value that is not too large for a message, with copies of what it aliases.
func (s *Session) inline(e codec.Encoded) (wire.Payload, bool) {
	p := wire.Payload{Head: e.Head, Buffers: e.Buffers}
	if len(p.Buffers) == 0 && len(p.Head) <= InlineMax {
		return p, true
	}
	if p.Size() > InlineMax && s.store != nil {
		return p, false
	}
	for i, b := range p.Buffers {
		p.Buffers[i] = append([]byte(nil), b...)
	}
	return p, true
}

// fetch returns the value of a payload, from the store if it is there. Its buffers are the caller's own.
func (s *Session) fetch(value wire.Payload) (codec.Encoded, error) {
	if value.Place.IsZero() {
		e := codec.Encoded{Head: value.Head}
		for _, b := range value.Buffers { // others decode the same payload
			e.Buffers = append(e.Buffers, append([]byte(nil), b...))
		}
		return e, nil
	}
	if s.store == nil {
		return codec.Encoded{}, errors.New("a value is in an object store, and this process has no connection to one")
	}
	o, err := s.store.Get(s.driver.Context(), value.Place.Object)
	if err != nil {
		return codec.Encoded{}, err
	}
	return codec.Encoded{Head: o.Head, Buffers: o.Buffers}, nil
}

// hold takes a reference to an object that another process holds, before that lets go.
func (s *Session) hold(ctx context.Context, place wire.Place) (release func(), err error) {
	if s.store == nil {
		return nil, errors.New("a value is in an object store, and this process has no connection to one")
	}
	s.store.Ref(place.Object, 1)
	return s.releaser(place), s.store.Sync(ctx)
}

// releaser returns what gives a reference up.
func (s *Session) releaser(place wire.Place) func() {
	return func() { s.store.Ref(place.Object, -1) }
}

// giveUp drops what was stowed and is not sent.
func (s *Session) giveUp(place wire.Place) {
	if !place.IsZero() {
		s.releaser(place)()
	}
}

// adopt holds what came with a message as long as the object is in use here.
func (s *Session) adopt(o *Object) error {
	value, _ := o.Object.Result()
	if value.Place.IsZero() {
		return nil
	}
	release, err := s.hold(s.driver.Context(), value.Place)
	if err == nil {
		o.Own(release)
	}
	return err
}

// typeOwner labels what a value takes in the store.
func typeOwner(t reflect.Type) objstore.Owner { return objstore.Owner{Type: t.String()} }
