package notebook

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"mobula/internal/nearest"
)

// Given is a parameter's value as the command line or a file has it.
type Given struct {
	Name string
	Text string // as in -p name=text, where Data is not set
	// Data is a value of a YAML or JSON file: bool, int, int64, uint64, float64, string, time.Time, []any or map[string]any.
	Data any
	file bool
}

// Assignment is a parameter with the value that it gets.
type Assignment struct {
	Name     string
	Expr     string          // in Go
	JSON     json.RawMessage // for metadata.papermill
	Declares bool            // there is no such variable: it is declared
	Const    bool
}

// UnknownParameterError is returned by Resolve for a name that the parameters cell does not declare.
type UnknownParameterError struct {
	Name  string
	Known []Parameter
}

// Error lists what there is.
func (e *UnknownParameterError) Error() string {
	var names, list []string
	for _, p := range e.Known {
		names = append(names, p.Name)
		list = append(list, strings.TrimSpace(p.Name+" "+p.Type))
	}
	hint := ""
	if near, ok := nearest.Name(e.Name, names, 2); ok {
		hint = fmt.Sprintf(" (did you mean %s?)", near)
	}
	if len(list) == 0 {
		list = []string{"none"}
	}
	return fmt.Sprintf("there is no parameter %s%s: the cell tagged %s declares %s", e.Name, hint, TagParameters, strings.Join(list, ", "))
}

// ValueError says that a value does not fit its parameter.
type ValueError struct {
	Name, Type, Value string
	Declared          string // how the parameters cell declares it
	Reason            string // "" where the type says enough
}

// Error names the type and the default.
func (e *ValueError) Error() string {
	like := ""
	if e.Declared != "" {
		like = " (" + e.Declared + ")"
	}
	reason := ""
	if e.Reason != "" {
		reason = ": " + e.Reason
	}
	return fmt.Sprintf("parameter %s is of type %s%s; %q is no such value%s", e.Name, e.Type, like, shorten(e.Value), reason)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

// Resolve types what was given by the parameters of a notebook, in the order in which it was given; of a name that was given twice the last
// value counts. Without parameters every name is new, and its type is that of the value. All errors are told at once.
func Resolve(parameters []Parameter, given []Given) ([]Assignment, error) {
	byName := map[string]Parameter{}
	for _, p := range parameters {
		byName[p.Name] = p
	}
	var list []Assignment
	var errs []error
	at := map[string]int{}
	for _, g := range given {
		p, ok := byName[g.Name]
		switch {
		case !token.IsIdentifier(g.Name):
			errs = append(errs, fmt.Errorf("%q is no name of a parameter", g.Name))
			continue
		case !ok && len(parameters) > 0:
			errs = append(errs, &UnknownParameterError{g.Name, parameters})
			continue
		}
		a, err := p.assign(g, !ok)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if i, again := at[g.Name]; again {
			list[i] = a
			continue
		}
		at[g.Name] = len(list)
		list = append(list, a)
	}
	return list, errors.Join(errs...)
}

func (p Parameter) assign(g Given, fresh bool) (a Assignment, err error) {
	a = Assignment{Name: g.Name, Declares: fresh, Const: p.Const}
	data := g.Data
	if !g.file {
		data = g.Text
	}
	switch {
	case fresh:
		if !g.file {
			data = flow(g.Text)
		}
		a.Expr, err = untyped(data)
	case p.typ == nil:
		a.Expr, err = p.opaque(g)
	case g.file:
		a.Expr, err = literal(p.typ, data)
	default:
		a.Expr, data, err = p.ofText(g.Text)
	}
	if err != nil {
		value := g.Text
		if g.file {
			value = fmt.Sprint(data)
		}
		if fresh {
			return a, fmt.Errorf("parameter %s: %w", g.Name, err)
		}
		reason := err.Error()
		if errors.Is(err, errNoFit) {
			reason = ""
		}
		return a, &ValueError{Name: p.Name, Type: p.Type, Value: value, Declared: p.declared(), Reason: reason}
	}
	a.JSON = encode(plain(data))
	return a, nil
}

// declared is how the parameters cell declares a parameter, or the like; "" where it gives it no value.
func (p Parameter) declared() string {
	switch {
	case p.Default == "":
		return ""
	case p.Const:
		return "const " + p.Name + " = " + shorten(p.Default)
	}
	return p.Name + " := " + shorten(p.Default)
}

// flow reads a text as YAML reads one in a line: 3 is an int, 0.1 a float64, true a bool, [1, 2] a list. All else is a string.
func flow(text string) any {
	var data any
	err := yaml.Unmarshal([]byte(text), &data)
	switch data.(type) {
	case bool, int, int64, uint64, float64:
		if err == nil {
			return data
		}
	case []any, map[string]any, map[any]any:
		if err == nil && strings.ContainsAny(strings.TrimSpace(text)[:1], "[{") {
			return data
		}
	}
	return text
}

// errNoFit is the reason of which the type says all.
var errNoFit = errors.New("another type")

// ofText reads what stands behind -p name= . Strings are as they are, numbers may be constant expressions of Go, durations are as 90s or in Go,
// lists and maps as in YAML or in Go.
func (p Parameter) ofText(text string) (expr string, data any, err error) {
	switch {
	case isDuration(p.typ):
		if d, err := time.ParseDuration(text); err == nil {
			return durationText(d), text, nil
		}
	case basic(p.typ)&types.IsString != 0:
		return strconv.Quote(text), text, nil
	case basic(p.typ)&types.IsBoolean != 0:
		b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
		if err != nil {
			return "", nil, errNoFit
		}
		return strconv.FormatBool(b), b, nil
	}
	value, err := checkExpr(p.typ, text)
	if err != nil && basic(p.typ) == 0 {
		data = flow(text)
		expr, err = literal(p.typ, data)
		return expr, data, err
	}
	if err != nil {
		return "", nil, err
	}
	data = text
	if value != nil && !isDuration(p.typ) {
		data = constantData(value)
	}
	return strings.TrimSpace(text), data, nil
}

// opaque takes a value for a parameter whose type only the engine can find: an expression of Go.
func (p Parameter) opaque(g Given) (string, error) {
	text := g.Text
	if g.file {
		s, ok := g.Data.(string)
		if !ok {
			return untyped(g.Data)
		}
		text = s
	}
	if _, err := parser.ParseExpr(text); err != nil {
		return strconv.Quote(text), nil // the engine says whether a string is right
	}
	return text, nil
}

// checkExpr type-checks an expression that is to be assigned to a variable of type t. value is set where it is a constant.
func checkExpr(t types.Type, text string) (value constant.Value, err error) {
	e, err := parser.ParseExpr(text)
	if err != nil {
		return nil, errNoFit
	}
	if id, ok := e.(*ast.Ident); ok && types.Universe.Lookup(id.Name) == nil {
		return nil, errNoFit // a word, which was meant as a string
	}
	pkg := types.NewPackage("main", "main")
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "main" {
		for _, name := range named.Obj().Pkg().Scope().Names() {
			pkg.Scope().Insert(named.Obj().Pkg().Scope().Lookup(name))
		}
	}
	clock, err := timePackage()
	if err != nil {
		return nil, err
	}
	pkg.Scope().Insert(types.NewPkgName(token.NoPos, pkg, "time", clock))
	const target = "target۰"
	pkg.Scope().Insert(types.NewTypeName(token.NoPos, pkg, target, t))
	call, err := parser.ParseExpr("func(" + target + ") {}(" + text + ",\n)")
	if err != nil {
		return nil, errNoFit
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	err = types.CheckExpr(token.NewFileSet(), pkg, token.NoPos, call, info)
	if te, ok := errors.AsType[types.Error](err); ok {
		if strings.Contains(te.Msg, target) {
			return nil, errNoFit
		}
		return nil, errors.New(te.Msg)
	}
	if args := call.(*ast.CallExpr).Args; err == nil && len(args) == 1 {
		return info.Types[args[0]].Value, nil
	}
	return nil, errNoFit
}

func isDuration(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "time" && n.Obj().Name() == "Duration"
}

// basic says what a type is, if it is a number, string or bool; else 0.
func basic(t types.Type) types.BasicInfo {
	if b, ok := t.Underlying().(*types.Basic); ok {
		return b.Info()
	}
	return 0
}

// durationText writes a duration as people do: 90 * time.Second.
func durationText(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}, {time.Microsecond, "Microsecond"}} {
		if d != 0 && d%u.unit == 0 {
			return fmt.Sprintf("%d * time.%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d * time.Nanosecond", d)
}
