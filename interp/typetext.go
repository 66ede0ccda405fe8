package interp

import (
	"fmt"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// typeText is a type written as unit text.
type typeText []edit

// writeType spells t so that the declaration of a session type is found through find (by
// name). The error says which part has no name that cells could write.
func writeType(t types.Type, pkg *types.Package, find func(name string) *decl) (typeText, error) {
	w := &typeWriter{pkg: pkg, find: find}
	w.typ(t)
	return w.out, w.err
}

type typeWriter struct {
	out  typeText
	pkg  *types.Package
	find func(string) *decl
	err  error
}

func (w *typeWriter) str(s string) { w.out = append(w.out, edit{text: s}) }

func (w *typeWriter) typ(t types.Type) {
	switch t := t.(type) {
	case *types.Basic:
		w.basic(t)
	case *types.Alias:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Named:
		w.named(t.Obj(), t.TypeArgs())
	case *types.Pointer:
		w.wrap("*", t.Elem())
	case *types.Slice:
		w.wrap("[]", t.Elem())
	case *types.Array:
		w.wrap("["+strconv.FormatInt(t.Len(), 10)+"]", t.Elem())
	case *types.Map:
		w.wrap("map[", t.Key())
		w.wrap("]", t.Elem())
	case *types.Chan:
		w.channel(t)
	case *types.Struct:
		w.structure(t)
	case *types.Signature:
		w.str("func")
		w.signature(t)
	case *types.Interface:
		w.iface(t)
	case *types.Union:
		w.union(t)
	default:
		w.fail(t)
	}
}

func (w *typeWriter) fail(t fmt.Stringer) {
	if w.err == nil {
		w.err = fmt.Errorf("type %s cannot be named outside of the function or package that declares it", t)
	}
}

func (w *typeWriter) wrap(prefix string, elem types.Type) {
	w.str(prefix)
	w.typ(elem)
}

func (w *typeWriter) basic(t *types.Basic) {
	switch t.Kind() {
	case types.UnsafePointer:
		w.out = append(w.out, edit{pkg: "unsafe", tail: ".Pointer"})
	case types.UntypedNil, types.Invalid:
		w.fail(t)
	default:
		w.str(types.Default(t).String())
	}
}

func (w *typeWriter) named(obj *types.TypeName, args *types.TypeList) {
	switch {
	case obj.Pkg() == nil: // error, comparable, any
		w.str(obj.Name())
	case obj.Pkg().Path() == w.pkg.Path():
		d := w.find(obj.Name())
		if d == nil || obj.Parent() != obj.Pkg().Scope() {
			w.fail(obj)
			return
		}
		w.out = append(w.out, edit{d: d})
	case !token.IsExported(obj.Name()) || obj.Parent() != obj.Pkg().Scope():
		w.fail(obj)
		return
	default:
		w.out = append(w.out, edit{pkg: obj.Pkg().Path(), tail: "." + obj.Name()})
	}
	for i := range args.Len() {
		if i == 0 {
			w.str("[")
		} else {
			w.str(", ")
		}
		w.typ(args.At(i))
	}
	if args.Len() > 0 {
		w.str("]")
	}
}

func (w *typeWriter) channel(t *types.Chan) {
	switch t.Dir() {
	case types.SendRecv:
		w.str("chan (")
	case types.SendOnly:
		w.str("chan<- (")
	case types.RecvOnly:
		w.str("<-chan (")
	}
	w.typ(t.Elem())
	w.str(")")
}

func (w *typeWriter) structure(t *types.Struct) {
	w.str("struct {")
	for i := range t.NumFields() {
		f := t.Field(i)
		if i > 0 {
			w.str("; ")
		}
		if f.Pkg() != nil && f.Pkg().Path() != w.pkg.Path() && !f.Exported() {
			w.fail(f)
		}
		if !f.Embedded() {
			w.str(f.Name() + " ")
		}
		w.typ(f.Type())
		if tag := t.Tag(i); tag != "" {
			w.str(" " + strconv.Quote(tag))
		}
	}
	w.str("}")
}

func (w *typeWriter) signature(t *types.Signature) {
	w.str("(")
	for i := range t.Params().Len() {
		if i > 0 {
			w.str(", ")
		}
		p := t.Params().At(i).Type()
		if t.Variadic() && i == t.Params().Len()-1 {
			if s, ok := p.(*types.Slice); ok {
				w.wrap("...", s.Elem())
				continue
			}
		}
		w.typ(p)
	}
	w.str(")")
	if t.Results().Len() == 0 {
		return
	}
	w.str(" (")
	for i := range t.Results().Len() {
		if i > 0 {
			w.str(", ")
		}
		w.typ(t.Results().At(i).Type())
	}
	w.str(")")
}

func (w *typeWriter) iface(t *types.Interface) {
	w.str("interface {")
	for m := range t.ExplicitMethods() {
		if m.Pkg() != nil && m.Pkg().Path() != w.pkg.Path() && !m.Exported() {
			w.fail(m)
		}
		w.str(" " + m.Name())
		w.signature(m.Signature())
		w.str(";")
	}
	for etyp := range t.EmbeddedTypes() {
		w.wrap(" ", etyp)
		w.str(";")
	}
	w.str("}")
}

func (w *typeWriter) union(t *types.Union) {
	for i := range t.Len() {
		if i > 0 {
			w.str(" | ")
		}
		if t.Term(i).Tilde() {
			w.str("~")
		}
		w.typ(t.Term(i).Type())
	}
}

// names returns the session names in a type.
func (t typeText) names() map[string]bool {
	m := map[string]bool{}
	for _, e := range t {
		if e.d != nil {
			m[e.d.name] = true
		}
	}
	return m
}

// userText writes the type as the checker's file of earlier declarations reads it.
func (t typeText) userText(a *aliases) string {
	var s strings.Builder
	for _, e := range t {
		switch {
		case e.d != nil:
			s.WriteString(e.d.name)
		case e.pkg != "":
			s.WriteString(a.of(e.pkg))
		}
		s.WriteString(e.text + e.tail)
	}
	return s.String()
}
