package complete

import (
	"cmp"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxItems bounds a completion.
const maxItems = 500

// Ranks: what is nearer to the cursor comes first.
const (
	rankField = iota * 10
	rankLocal
	rankSession
	rankPackage
	rankUniverse
	rankKeyword
	rankStd
	rankFold // added where only the letters match, not their case
)

// marker is in the names that the engine makes, which users never see.
const marker = "۰"

// matcher compares names with what was typed.
type matcher struct{ prefix string }

// match returns how well name fits: 0 for a prefix, more where only letters match.
func (m matcher) match(name string) (rank int, ok bool) {
	if strings.HasPrefix(name, m.prefix) {
		return 0, true
	}
	n := len(m.prefix)
	if len(name) >= n && strings.EqualFold(name[:n], m.prefix) {
		return rankFold, true
	}
	return 0, false
}

// add appends a proposal if name matches.
func (m matcher) add(items []Item, rank int, it Item) []Item {
	r, ok := m.match(it.Text)
	if !ok || it.Text == "_" || strings.Contains(it.Text, placeholder) || strings.Contains(it.Text, marker) {
		return items
	}
	it.rank = rank + r
	return append(items, it)
}

// sortItems orders proposals, the best first, one of each text.
func sortItems(items []Item) {
	slices.SortStableFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Text, b.Text))
	})
}

// unique drops later proposals of the same text.
func unique(items []Item) []Item {
	seen := map[string]bool{}
	return slices.DeleteFunc(items, func(it Item) bool {
		dup := seen[it.Text]
		seen[it.Text] = true
		return dup
	})
}

// item describes an object.
func (v *view) item(s *Snapshot, obj types.Object) Item {
	return Item{Text: obj.Name(), Kind: kindOf(obj), Type: v.typeOf(obj), Doc: s.Docs.synopsis(obj)}
}

func kindOf(obj types.Object) string {
	switch obj := obj.(type) {
	case *types.Func:
		if obj.Signature().Recv() != nil {
			return "method"
		}
		return "function"
	case *types.Builtin:
		return "function"
	case *types.Var:
		if obj.IsField() {
			return "field"
		}
		return "variable"
	case *types.Const:
		return "constant"
	case *types.TypeName:
		return "type"
	case *types.PkgName:
		return "package"
	}
	return "variable"
}

// typeOf is an object's type in one short line.
func (v *view) typeOf(obj types.Object) string {
	var t string
	switch obj := obj.(type) {
	case *types.PkgName:
		return obj.Imported().Path()
	case *types.Builtin:
		return ""
	case *types.TypeName:
		if obj.Type() != nil {
			t = typeHead(obj)
		}
	default:
		if obj.Type() == nil || obj.Type() == types.Typ[types.UntypedNil] {
			return ""
		}
		t = types.TypeString(obj.Type(), v.qualifier)
	}
	if utf8.RuneCountInString(t) > 200 {
		t = string([]rune(t)[:199]) + "…"
	}
	return t
}

// typeHead tells what a type is, without its parts.
func typeHead(obj *types.TypeName) string {
	switch obj.Type().Underlying().(type) {
	case *types.Struct:
		return "struct"
	case *types.Interface:
		return "interface"
	}
	return types.TypeString(obj.Type().Underlying(), shortQualifier)
}

// qualifier names packages as a cell does: its own not at all.
func (v *view) qualifier(p *types.Package) string {
	if p.Path() == v.pkg.Path() {
		return ""
	}
	return p.Name()
}

func shortQualifier(p *types.Package) string {
	if p.Path() == "main" {
		return ""
	}
	return p.Name()
}

var keywords = func() (ks []string) {
	for t := token.BREAK; t <= token.VAR; t++ {
		ks = append(ks, t.String())
	}
	return ks
}()
