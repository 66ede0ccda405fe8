package session

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"

	"mobula/cluster/driver"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	storewire "mobula/objstore/wire"
)

// InlineMax is the size in bytes up to which values travel in messages; as Ray's max_direct_call_object_size.
const InlineMax = 100_000

// inlineInSpec is the same for what the head keeps of an actor: it bounds that to 64 KB, as text.
const inlineInSpec = 16 << 10

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

// stow makes a payload of an encoded value: in the store if it has more bytes than inlineMax, else with copies of what it aliases.
func (s *Session) stow(ctx context.Context, e codec.Encoded, owner objstore.Owner, inlineMax int) (wire.Payload, error) {
	p, ok := s.inline(e, inlineMax)
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
func (s *Session) inline(e codec.Encoded, inlineMax int) (wire.Payload, bool) {
	p := wire.Payload{Head: e.Head, Buffers: e.Buffers}
	if len(p.Buffers) == 0 && len(p.Head) <= inlineMax {
		return p, true
	}
	if p.Size() > inlineMax && s.store != nil {
		return p, false
	}
	for i, b := range p.Buffers {
		p.Buffers[i] = append([]byte(nil), b...)
	}
	return p, true
}

// fetch returns the value of a payload, from the store if it is there. Its buffers are the caller's own.
func (s *Session) fetch(value wire.Payload) (codec.Encoded, error) {
	e, err := s.fetchOwn(value)
	if err == nil && len(value.Shared) > 0 {
		err = s.fill(&e, value)
	}
	return e, err
}

// fetchOwn is fetch without what the value shares with others.
func (s *Session) fetchOwn(value wire.Payload) (codec.Encoded, error) {
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
	ctx := s.driver.Context()
	if value.Place.Node != s.node { // a closure of another node's: what refs refer to is here already
		_, release, err := s.hold(ctx, value.Place)
		if err != nil {
			return codec.Encoded{}, err
		}
		defer release()
	}
	o, err := s.store.Get(ctx, value.Place.Object)
	if err != nil {
		return codec.Encoded{}, err
	}
	views.saw(o.Buffers)
	return codec.Encoded{Head: o.Head, Buffers: o.Buffers}, nil
}

// holdAll holds whatever of a value is in a store, and returns the value with the places where it is held.
func (s *Session) holdAll(ctx context.Context, value wire.Payload) (held wire.Payload, release func(), err error) {
	var releases []func()
	release = func() {
		for _, f := range releases {
			f()
		}
	}
	if held, err = s.holdInner(ctx, value, &releases); err != nil {
		release()
		return held, nil, err
	}
	return held, release, nil
}

func (s *Session) holdInner(ctx context.Context, value wire.Payload, releases *[]func()) (wire.Payload, error) {
	if !value.Place.IsZero() {
		held, release, err := s.hold(ctx, value.Place)
		if err != nil {
			return value, err
		}
		value.Place = held
		*releases = append(*releases, release)
	}
	value.Refs = slices.Clone(value.Refs)
	for i := range value.Refs {
		inner, err := s.holdInner(ctx, value.Refs[i].Value, releases)
		if err != nil {
			return value, err
		}
		value.Refs[i].Value = inner
	}
	return value, nil
}

// hold takes a reference to an object that another process holds, before that lets go. From another node's store it is copied to this one's.
func (s *Session) hold(ctx context.Context, place wire.Place) (held wire.Place, release func(), err error) {
	if s.store == nil {
		return place, nil, errors.New("a value is in an object store, and this process has no connection to one")
	}
	if place.Node == s.node {
		release, err = s.take(ctx, place)
		return place, release, err
	}
	ref := headwire.ObjectRef{Node: place.Node, Object: place.Object}
	if _, err := Ask(ctx, s, headwire.FetchObject, ref); err != nil {
		if headwire.HasCode(err, headwire.NotFound) {
			err = &objstore.LostError{ID: place.Object, Reason: err.Error()}
		}
		return place, nil, err
	}
	if release, err = s.take(ctx, place); err != nil {
		return place, nil, err
	}
	ref.Taken = true
	if _, err := Ask(ctx, s, headwire.FetchObject, ref); err != nil {
		release()
		return place, nil, err
	}
	place.Node = s.node
	return place, release, nil
}

// take takes a reference to an object of the node's store; release gives it up.
func (s *Session) take(ctx context.Context, place wire.Place) (release func(), err error) {
	s.store.Ref(place.Object, 1)
	release = s.releaser(place)
	if err := s.store.Sync(ctx); err != nil {
		release()
		return nil, err
	}
	return release, nil
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

// adopt returns an object that came with a message, which is held as long as it is in use here.
func (s *Session) adopt(object id.Object, value wire.Payload) (*Object, error) {
	if !value.Stored() {
		return s.wrap(driver.Received(object, value)), nil
	}
	held, release, err := s.holdAll(s.driver.Context(), value)
	if err != nil {
		return nil, err
	}
	o := s.wrap(driver.Received(object, held))
	o.Own(release)
	return o, nil
}

// typeOwner labels what a value takes in the store.
func typeOwner(t reflect.Type) objstore.Owner { return objstore.Owner{Type: t.String()} }
