package ship

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"mobula/internal/codec"
	"mobula/interp/direct"
	"mobula/interp/loader"
)

// reached is what the code behind one name comes to.
type reached struct {
	variables []uintptr
	refused   error // why it cannot leave
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
