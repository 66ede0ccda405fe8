package ship

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"mobula/internal/codec"
	"mobula/internal/program"
)

// environ is a set of variables: the digests of their values, by link name.
type environ map[string]string

// variable is one of an environment.
type variable struct {
	name  string // link name
	value reflect.Value
}

// Needs returns how much code was loaded, and the values of the session's variables that functions and methods of types read.
func (p *Program) Needs(h program.NamingHost) (program.Needs, error) {
	addresses, err := p.variables(h.Names())
	if err != nil {
		return program.Needs{}, err
	}
	needs := program.Needs{}
	if len(addresses) > 0 {
		if err := p.describe(h, addresses, &needs); err != nil {
			return program.Needs{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	needs.Parts = len(p.log.ends)
	return needs, p.log.failed
}

// describe encodes the variables at the addresses, and those which functions among their values read in turn.
func (p *Program) describe(h program.NamingHost, addresses []uintptr, needs *program.Needs) error {
	for {
		list := make([]variable, 0, len(addresses))
		for _, at := range addresses {
			if v, ok := p.variable(at); ok {
				list = append(list, v)
			}
		}
		values, err := p.encodeTogether(h, list)
		if err != nil {
			return err
		}
		more, err := p.variables(h.Names())
		if err != nil {
			return err
		}
		all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(addresses, more))))
		if len(all) == len(addresses) {
			return p.enter(h, list, values, needs)
		}
		addresses = all
	}
}

// layout is a set of variables: the struct that has them as fields, so that what they share stays shared.
type layout struct {
	typ   reflect.Type
	names []string // link names
	head  []byte   // names, addresses and types for another process
}

// layoutOf returns the layout of variables, which is made once.
func (p *Program) layoutOf(list []variable) (*layout, error) {
	key := make([]byte, 0, 8*len(list))
	for _, v := range list {
		key = binary.LittleEndian.AppendUint64(key, uint64(uintptr(v.value.Addr().UnsafePointer())))
	}
	if l, ok := p.layouts.Load(string(key)); ok {
		return l.(*layout), nil
	}
	l := &layout{head: binary.AppendUvarint(nil, uint64(len(list)))}
	var types []reflect.Type
	for _, v := range list {
		at, err := p.Name(uintptr(v.value.Addr().UnsafePointer()))
		if err != nil {
			return nil, err
		}
		typ, err := p.TypeName(v.value.Type())
		if err != nil {
			return nil, err
		}
		l.names, types = append(l.names, v.name), append(types, v.value.Type())
		for _, text := range []string{v.name, at, typ} {
			l.head = appendText(l.head, text)
		}
	}
	l.typ = together(l.names, types)
	p.layouts.Store(string(key), l)
	return l, nil
}

// together is the type of a struct with the variables as fields, under the names that users know.
func together(names []string, types []reflect.Type) reflect.Type {
	fields := make([]reflect.StructField, len(names))
	for i, name := range names {
		fields[i] = reflect.StructField{Name: userName(name), PkgPath: "main", Type: types[i]}
		if i > 0 && slices.ContainsFunc(fields[:i], func(f reflect.StructField) bool { return f.Name == fields[i].Name }) {
			fields[i].Name = fmt.Sprintf("%s_%d", fields[i].Name, i) // versions of one name
		}
	}
	return reflect.StructOf(fields)
}

func (p *Program) encodeTogether(h codec.Host, list []variable) (codec.Encoded, error) {
	l, err := p.layoutOf(list)
	if err != nil {
		return codec.Encoded{}, err
	}
	all := reflect.New(l.typ).Elem()
	for i, v := range list {
		field(all, i).Set(v.value)
	}
	e, err := codec.Encode(h, all, codec.Options{Canonical: true})
	if known, ok := errors.AsType[*codec.Error](err); ok {
		known.Path = "session variable " + known.Path
	}
	return e, err
}

// field is a field of an addressable struct that can be set.
func field(of reflect.Value, i int) reflect.Value {
	f := of.Field(i)
	return reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
}

// enter completes needs by the values of variables, and remembers them.
func (p *Program) enter(h codec.Host, list []variable, values codec.Encoded, needs *program.Needs) error {
	l, err := p.layoutOf(list)
	if err != nil {
		return err
	}
	e := environ{}
	head := slices.Clone(l.head)
	for _, v := range list {
		one := values
		if len(list) > 1 {
			if one, err = p.encodeTogether(h, []variable{v}); err != nil {
				return err
			}
		}
		digest := digestOf(one)
		head = appendText(head, digest)
		e[v.name] = digest
	}
	head = append(head, values.Head...)
	values.Head = head
	needs.Values = values
	// Each byte of the buffers is a part of one of the variables, so it is in that one's digest already.
	needs.Environment = digestOf(codec.Encoded{Head: head})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remember(needs.Environment, e)
	return nil
}

// maxEnvirons bounds the environments that are remembered.
const maxEnvirons = 4096

// remember notes an environment; p.mu is held. Of too many it forgets any: what Conflict would say of those a worker says in SetEnvironment.
func (p *Program) remember(digest string, e environ) {
	for old := range p.environs {
		if len(p.environs) < maxEnvirons {
			break
		}
		delete(p.environs, old)
	}
	p.environs[digest] = e
}

func digestOf(e codec.Encoded) string {
	h := sha256.New()
	_, _ = h.Write(e.Head) // never fails
	var size [8]byte
	for _, b := range e.Buffers {
		binary.LittleEndian.PutUint64(size[:], uint64(len(b)))
		_, _ = h.Write(size[:])
		_, _ = h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// SetEnvironment gives variables their values. A variable keeps the first value that it got in this process.
func (p *Program) SetEnvironment(digest string, values codec.Encoded, h codec.Host) error {
	head, rest, err := parseHead(values.Head)
	if err != nil {
		return err
	}
	values.Head = rest
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.environs[digest] != nil {
		return nil
	}
	for i, name := range head.names {
		if before, ok := p.set[name]; ok && before != head.digests[i] {
			return fmt.Errorf("the session variable %s has another value in this process already", userName(name))
		}
	}
	if err := p.assign(h, head, values); err != nil {
		return err
	}
	e := environ{}
	for i, name := range head.names {
		p.set[name], e[name] = head.digests[i], head.digests[i]
	}
	p.remember(digest, e)
	return nil
}

// assign sets the variables that have no value yet; p.mu is held.
func (p *Program) assign(h codec.Host, head *environmentHead, values codec.Encoded) error {
	types := make([]reflect.Type, len(head.names))
	for i, name := range head.types {
		var err error
		if types[i], err = p.TypeByName(name); err != nil {
			return fmt.Errorf("session variable %s: %w", userName(head.names[i]), err)
		}
	}
	all := reflect.New(together(head.names, types)).Elem()
	if err := codec.Decode(h, values, all); err != nil {
		return fmt.Errorf("the values of session variables: %w", err)
	}
	for i, name := range head.names {
		if _, ok := p.set[name]; ok {
			continue
		}
		at, err := p.Address(head.addresses[i])
		if err != nil {
			return fmt.Errorf("session variable %s: %w", userName(name), err)
		}
		v := reflect.NewAt(types[i], pointer(at)).Elem()
		v.Set(field(all, i))
		p.given.Store(at, v) // tasks of tasks need it, too
		if at := target(v); at != nil {
			p.homes.Store(at, name)
		}
	}
	return nil
}

// Conflict says why code that needs one environment cannot run in a process that has others; nil if it can.
func (p *Program) Conflict(have []string, want string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := p.environs[want]
	if wanted == nil {
		return nil
	}
	for _, digest := range have {
		e := p.environs[digest]
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			if before, ok := e[name]; ok && before != wanted[name] {
				return fmt.Errorf("it reads the session variable %s, which had another value when the actor was made: give the value to the closure instead, in a variable of a function", userName(name))
			}
		}
	}
	return nil
}
