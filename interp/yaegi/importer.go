package yaegi

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/traefik/yaegi/interp"
)

// typeImporter gives go/types the packages that the interpreter knows, from their reflected
// symbols: names of parameters and generic declarations are not in them.
type typeImporter struct {
	exports interp.Exports
	names   map[string]string // import path to package name

	mu       sync.Mutex // guards the rest
	packages map[string]*types.Package
	types    map[reflect.Type]types.Type
}

func newImporter(exports interp.Exports) *typeImporter {
	i := &typeImporter{exports: exports, names: map[string]string{}, packages: map[string]*types.Package{}, types: map[reflect.Type]types.Type{}}
	for key := range exports {
		p, name := path.Split(key)
		i.names[strings.TrimSuffix(p, "/")] = name
	}
	return i
}

// Import implements types.Importer.
func (i *typeImporter) Import(importPath string) (*types.Package, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, ok := i.names[importPath]
	if !ok {
		return nil, fmt.Errorf("the interpreter has no package %q%s", importPath, advice)
	}
	p := i.pkg(importPath)
	if p.Complete() {
		return p, nil
	}
	p.MarkComplete()
	symbols := i.exports[importPath+"/"+name]
	for _, n := range sortedNames(symbols) {
		p.Scope().Insert(i.object(p, n, symbols[n]))
	}
	return p, nil
}

func sortedNames(m map[string]reflect.Value) []string {
	var names []string
	for n := range m {
		if token.IsExported(n) { // others are the interpreter's own
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func (i *typeImporter) pkg(importPath string) *types.Package {
	p := i.packages[importPath]
	if p == nil {
		name := i.names[importPath]
		if name == "" {
			name = path.Base(importPath)
		}
		p = types.NewPackage(importPath, name)
		i.packages[importPath] = p
	}
	return p
}

// object makes the object that a symbol stands for.
func (i *typeImporter) object(p *types.Package, name string, v reflect.Value) types.Object {
	if c, ok := reflect.TypeAssert[constant.Value](v); ok {
		return types.NewConst(token.NoPos, p, name, untyped(c), c)
	}
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil() && !v.CanAddr():
		t := i.typeOf(v.Type().Elem())
		if n, ok := t.(*types.Named); ok && n.Obj().Name() == name && n.Obj().Pkg() == p {
			return n.Obj()
		}
		return types.NewTypeName(token.NoPos, p, name, t)
	case v.CanAddr():
		return types.NewVar(token.NoPos, p, name, i.typeOf(v.Type()))
	case v.Kind() == reflect.Func:
		return types.NewFunc(token.NoPos, p, name, i.signature(v.Type(), nil, 0))
	}
	if c := constantOf(v); c != nil {
		return types.NewConst(token.NoPos, p, name, i.typeOf(v.Type()), c)
	}
	return types.NewVar(token.NoPos, p, name, i.typeOf(v.Type()))
}

func untyped(c constant.Value) types.Type {
	switch c.Kind() {
	case constant.Bool:
		return types.Typ[types.UntypedBool]
	case constant.String:
		return types.Typ[types.UntypedString]
	case constant.Int:
		return types.Typ[types.UntypedInt]
	case constant.Float:
		return types.Typ[types.UntypedFloat]
	}
	return types.Typ[types.UntypedComplex]
}

func constantOf(v reflect.Value) constant.Value {
	switch {
	case v.CanInt():
		return constant.MakeInt64(v.Int())
	case v.CanUint():
		return constant.MakeUint64(v.Uint())
	case v.CanFloat():
		return constant.MakeFloat64(v.Float())
	case v.Kind() == reflect.String:
		return constant.MakeString(v.String())
	case v.Kind() == reflect.Bool:
		return constant.MakeBool(v.Bool())
	}
	return nil
}

// signature makes a function type; the first skip parameters are left out.
func (i *typeImporter) signature(t reflect.Type, recv *types.Var, skip int) *types.Signature {
	var in, out []*types.Var
	for k := skip; k < t.NumIn(); k++ {
		in = append(in, types.NewParam(token.NoPos, nil, "", i.typeOf(t.In(k))))
	}
	for r := range t.Outs() {
		out = append(out, types.NewParam(token.NoPos, nil, "", i.typeOf(r)))
	}
	return types.NewSignatureType(recv, nil, nil, types.NewTuple(in...), types.NewTuple(out...), t.IsVariadic())
}

var basics = map[reflect.Kind]types.BasicKind{
	reflect.Bool: types.Bool, reflect.Int: types.Int, reflect.Int8: types.Int8, reflect.Int16: types.Int16,
	reflect.Int32: types.Int32, reflect.Int64: types.Int64, reflect.Uint: types.Uint, reflect.Uint8: types.Uint8,
	reflect.Uint16: types.Uint16, reflect.Uint32: types.Uint32, reflect.Uint64: types.Uint64, reflect.Uintptr: types.Uintptr,
	reflect.Float32: types.Float32, reflect.Float64: types.Float64, reflect.Complex64: types.Complex64,
	reflect.Complex128: types.Complex128, reflect.String: types.String, reflect.UnsafePointer: types.UnsafePointer,
}

// typeOf converts a type; named types are the same object each time.
func (i *typeImporter) typeOf(t reflect.Type) types.Type {
	if known := i.types[t]; known != nil {
		return known
	}
	if t == reflect.TypeFor[error]() {
		return types.Universe.Lookup("error").Type()
	}
	if t.Name() == "" || t.PkgPath() == "" {
		u := i.underlying(t)
		i.types[t] = u
		return u
	}
	p := i.pkg(t.PkgPath())
	named := types.NewNamed(types.NewTypeName(token.NoPos, p, t.Name(), nil), nil, nil)
	i.types[t] = named
	named.SetUnderlying(i.underlying(t))
	if t.Kind() != reflect.Interface {
		i.methods(named, t, p)
	}
	return named
}

func (i *typeImporter) methods(named *types.Named, t reflect.Type, p *types.Package) {
	for m := range reflect.PointerTo(t).Methods() {
		var recv types.Type = named
		if _, ok := t.MethodByName(m.Name); !ok {
			recv = types.NewPointer(named)
		}
		if !hasField(t, m.Name) {
			named.AddMethod(types.NewFunc(token.NoPos, p, m.Name, i.signature(m.Type, types.NewParam(token.NoPos, p, "", recv), 1)))
		}
	}
}

func hasField(t reflect.Type, name string) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for f := range t.Fields() {
		if f.Name == name {
			return true
		}
	}
	return false
}

func (i *typeImporter) underlying(t reflect.Type) types.Type {
	if b, ok := basics[t.Kind()]; ok {
		return types.Typ[b]
	}
	switch t.Kind() {
	case reflect.Array:
		return types.NewArray(i.typeOf(t.Elem()), int64(t.Len()))
	case reflect.Slice:
		return types.NewSlice(i.typeOf(t.Elem()))
	case reflect.Pointer:
		return types.NewPointer(i.typeOf(t.Elem()))
	case reflect.Map:
		return types.NewMap(i.typeOf(t.Key()), i.typeOf(t.Elem()))
	case reflect.Chan:
		dir := map[reflect.ChanDir]types.ChanDir{reflect.BothDir: types.SendRecv, reflect.SendDir: types.SendOnly, reflect.RecvDir: types.RecvOnly}
		return types.NewChan(dir[t.ChanDir()], i.typeOf(t.Elem()))
	case reflect.Func:
		return i.signature(t, nil, 0)
	case reflect.Interface:
		return i.interfaceOf(t)
	}
	return i.structOf(t)
}

func (i *typeImporter) interfaceOf(t reflect.Type) types.Type {
	var methods []*types.Func
	for m := range t.Methods() {
		p := i.pkg(t.PkgPath())
		if m.PkgPath != "" {
			p = i.pkg(m.PkgPath)
		}
		methods = append(methods, types.NewFunc(token.NoPos, p, m.Name, i.signature(m.Type, nil, 0)))
	}
	return types.NewInterfaceType(methods, nil).Complete()
}

func (i *typeImporter) structOf(t reflect.Type) types.Type {
	var fields []*types.Var
	var tags []string
	for f := range t.Fields() {
		p := i.pkg(t.PkgPath())
		if f.PkgPath != "" {
			p = i.pkg(f.PkgPath)
		}
		fields = append(fields, types.NewField(token.NoPos, p, f.Name, i.typeOf(f.Type), f.Anonymous))
		tags = append(tags, string(f.Tag))
	}
	return types.NewStruct(fields, tags)
}
