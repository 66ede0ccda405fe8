package ship

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"mobula/internal/codec"
	"mobula/internal/program"
	"mobula/interp/direct"
	"mobula/interp/loader"
)

// reached is what the code behind one name comes to.
type reached struct {
	variables []uintptr
	refused   error // why it cannot leave
}

// environ is a set of variables with their values.
type environ struct {
	names   []string          // link names, in the order of the fields of its struct
	digests map[string]string // of the values, by link name
}

// variable is one of an environment.
type variable struct {
	name  string // link name
	value reflect.Value
}

// Needs returns how much code was loaded, and the values of the session's variables that functions and methods of types read.
func (p *Program) Needs(names []string) (program.Needs, error) {
	addresses, err := p.variables(names)
	if err != nil {
		return program.Needs{}, err
	}
	needs := program.Needs{}
	if len(addresses) > 0 {
		if err := p.describe(addresses, &needs); err != nil {
			return program.Needs{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	needs.Parts = len(p.log.ends)
	return needs, p.log.failed
}

// variables returns the addresses of the variables that named code reads, ascending. It fails where the code writes to one.
func (p *Program) variables(names []string) ([]uintptr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []uintptr
	for _, name := range names {
		r, err := p.reach(name)
		if err != nil {
			return nil, err
		}
		if r.refused != nil {
			return nil, r.refused
		}
		all = append(all, r.variables...)
	}
	if len(all) > 0 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all, nil
}

// reach finds what the code behind a name comes to, once for each state of the image; p.mu is held.
func (p *Program) reach(name string) (*reached, error) {
	if r := p.reached[name]; r != nil {
		return r, nil
	}
	from, err := p.Code.Addresses(name)
	if err != nil {
		return nil, err
	}
	r := &reached{}
	if slices.ContainsFunc(from, func(at uintptr) bool { return p.segment(at) != nil }) {
		found := p.linker.Reach(from)
		for _, at := range found.Variables {
			if _, ok := p.variable(at); ok {
				r.variables = append(r.variables, at)
			}
		}
		r.refused = p.assigns(&found)
	}
	p.reached[name] = r
	return r, nil
}

// variable returns the variable of the session at an address.
func (p *Program) variable(at uintptr) (variable, bool) {
	name, ok := p.linker.VariableName(at)
	if !ok {
		return variable{}, false
	}
	if v, ok := p.given.Load(at); ok {
		return variable{name, v.(reflect.Value)}, true
	}
	v, ok := direct.Default.Variable(strings.TrimPrefix(name, mainPrefix))
	return variable{name, v}, ok && v.CanAddr() && uintptr(v.Addr().UnsafePointer()) == at
}

const mainPrefix = "main."

// userName is a variable's name as the user knows it.
func userName(link string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(link, mainPrefix), "۰")
	return name
}

// assigns is an error where code assigns to a variable of the session: as the kernel found in its source, or by an instruction.
func (p *Program) assigns(found *loader.Reach) error {
	for _, at := range found.Functions {
		if p.Assigns == nil {
			break
		}
		if name, place, ok := p.Assigns(at); ok {
			return assignError(name, place)
		}
	}
	for _, s := range found.Stores {
		if v, ok := p.variable(s.Variable); ok {
			place := "unknown place"
			if f := runtime.FuncForPC(s.PC); f != nil {
				file, line := f.FileLine(s.PC)
				place = fmt.Sprintf("%s:%d", file, line)
			}
			return assignError(userName(v.name), place)
		}
	}
	return nil
}

func assignError(name, place string) error {
	return &codec.Error{
		Reason: fmt.Sprintf("at %s it assigns to the session variable %s, of which a task has its own copy", place, name),
		Hint:   "return the value, or keep it in an actor",
	}
}

// describe encodes the variables at the addresses, and those which functions among their values read in turn.
func (p *Program) describe(addresses []uintptr, needs *program.Needs) error {
	for {
		list := make([]variable, 0, len(addresses))
		for _, at := range addresses {
			if v, ok := p.variable(at); ok {
				list = append(list, v)
			}
		}
		h := &mentions{Program: p}
		values, err := encodeTogether(h, list)
		if err != nil {
			return err
		}
		more, err := p.variables(h.names)
		if err != nil {
			return err
		}
		all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(addresses, more))))
		if len(all) == len(addresses) {
			return p.enter(list, values, needs)
		}
		addresses = all
	}
}

// mentions notes the names in what is encoded.
type mentions struct {
	*Program
	names []string
}

// DescribeFunc also notes the function's name.
func (m *mentions) DescribeFunc(f reflect.Value) (codec.Func, error) {
	d, err := m.Program.DescribeFunc(f)
	if err == nil {
		m.names = append(m.names, d.Code)
	}
	return d, err
}

// TypeName also notes the name.
func (m *mentions) TypeName(t reflect.Type) (string, error) {
	name, err := m.Program.TypeName(t)
	if err == nil {
		m.names = append(m.names, name)
	}
	return name, err
}

// together is the type of a struct that has the variables as fields: what they share stays shared.
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

func encodeTogether(h codec.Host, list []variable) (codec.Encoded, error) {
	var names []string
	var types []reflect.Type
	for _, v := range list {
		names, types = append(names, v.name), append(types, v.value.Type())
	}
	all := reflect.New(together(names, types)).Elem()
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

// environmentHead precedes the values.
type environmentHead struct{ Names, Addresses, Types, Digests []string }

// enter completes needs by the values of variables, and remembers them.
func (p *Program) enter(list []variable, values codec.Encoded, needs *program.Needs) error {
	head := environmentHead{}
	e := &environ{digests: map[string]string{}}
	for _, v := range list {
		one := values
		if len(list) > 1 {
			var err error
			if one, err = encodeTogether(p, []variable{v}); err != nil {
				return err
			}
		}
		at, err := p.Name(uintptr(v.value.Addr().UnsafePointer()))
		if err != nil {
			return err
		}
		typ, err := p.TypeName(v.value.Type())
		if err != nil {
			return err
		}
		digest := digestOf(one)
		head.Names, head.Addresses = append(head.Names, v.name), append(head.Addresses, at)
		head.Types, head.Digests = append(head.Types, typ), append(head.Digests, digest)
		e.names = append(e.names, v.name)
		e.digests[v.name] = digest
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(head); err != nil {
		return err
	}
	text := binary.AppendUvarint(nil, uint64(b.Len()))
	text = append(text, b.Bytes()...)
	values.Head = append(text, values.Head...)
	needs.Values = values
	needs.Environment = digestOf(values)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.environs[needs.Environment] = e
	return nil
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
func (p *Program) SetEnvironment(digest string, values codec.Encoded) error {
	n, w := binary.Uvarint(values.Head)
	if w <= 0 || n > uint64(len(values.Head)-w) {
		return errors.New("the values of session variables are damaged")
	}
	head := environmentHead{}
	if err := gob.NewDecoder(bytes.NewReader(values.Head[w : uint64(w)+n])).Decode(&head); err != nil {
		return fmt.Errorf("the values of session variables: %w", err)
	}
	count := len(head.Names)
	if len(head.Addresses) != count || len(head.Types) != count || len(head.Digests) != count {
		return errors.New("the values of session variables are damaged")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.environs[digest] != nil {
		return nil
	}
	for i, name := range head.Names {
		if before, ok := p.set[name]; ok && before != head.Digests[i] {
			return fmt.Errorf("the session variable %s has another value in this process already", userName(name))
		}
	}
	values.Head = values.Head[uint64(w)+n:]
	if err := p.assign(&head, values); err != nil {
		return err
	}
	e := &environ{names: head.Names, digests: map[string]string{}}
	for i, name := range head.Names {
		p.set[name], e.digests[name] = head.Digests[i], head.Digests[i]
	}
	p.environs[digest] = e
	return nil
}

// assign sets the variables that have no value yet; p.mu is held.
func (p *Program) assign(head *environmentHead, values codec.Encoded) error {
	types := make([]reflect.Type, len(head.Names))
	for i, name := range head.Types {
		var err error
		if types[i], err = p.TypeByName(name); err != nil {
			return fmt.Errorf("session variable %s: %w", userName(head.Names[i]), err)
		}
	}
	all := reflect.New(together(head.Names, types)).Elem()
	if err := codec.Decode(p, values, all); err != nil {
		return fmt.Errorf("the values of session variables: %w", err)
	}
	for i, name := range head.Names {
		if _, ok := p.set[name]; ok {
			continue
		}
		at, err := p.Address(head.Addresses[i])
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
		if e == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(wanted.digests)) {
			if before, ok := e.digests[name]; ok && before != wanted.digests[name] {
				return fmt.Errorf("it reads the session variable %s, which had another value when the actor was made: give the value to the closure instead, in a variable of a function", userName(name))
			}
		}
	}
	return nil
}

// target is what a variable of an interface or pointer type points to.
func target(v reflect.Value) unsafe.Pointer {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Pointer {
		return nil
	}
	return v.UnsafePointer()
}

// homeMark begins the names of what variables of the session point to.
const homeMark = "="

// HomeName names what a variable that was set here points to, such as an error that others are compared with: in the process
// that the value came from it is the same. It is for what goes back there.
func (p *Program) HomeName(at unsafe.Pointer) (string, bool) {
	name, ok := p.homes.Load(at)
	if !ok {
		return "", false
	}
	return homeMark + name.(string), true
}

// StaticVariable also finds what HomeName has named.
func (p *Program) StaticVariable(name string) (codec.Static, bool) {
	link, home := strings.CutPrefix(name, homeMark)
	if !home {
		return p.Image.StaticVariable(name)
	}
	v, ok := direct.Default.Variable(strings.TrimPrefix(link, mainPrefix))
	if !ok {
		return codec.Static{}, false
	}
	at := target(v)
	if at == nil {
		return codec.Static{}, false
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	t := v.Type().Elem()
	return codec.Static{Pointer: at, Size: t.Size(), Type: t}, true
}
