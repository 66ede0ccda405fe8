package session

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"mobula/internal/closure"
	"mobula/internal/codec"
)

// Capture is a variable that a func literal captures.
type Capture struct {
	Name  string
	Place string // where the literal mentions it first, as in cell[3]:5:12
}

// explain encodes a value that cannot leave once more, with captured variables under the names that the user gave them. err is
// what the first try said.
func (s *Session) explain(v reflect.Value, name string, err error) error {
	if _, ok := errors.AsType[*codec.Error](err); !ok {
		return err
	}
	x := &explainer{transit: &transit{Program: s.conf.Program, s: s}}
	_, again := codec.Encode(x, v, codec.Options{Name: name})
	known, ok := errors.AsType[*codec.Error](again)
	if !ok {
		return err // it has changed meanwhile
	}
	known.Path = x.path(name, known.Path)
	return again
}

// explainer is a transit that names captured variables.
type explainer struct {
	*transit
	places []string
}

// Names that closures of the SDK itself have for what they capture, and the mark of a place in the name of a variable. Both are
// identifiers, as fields of a struct must be.
const (
	ownCapture = "mobulaCapture"
	placeMark  = "۰"
)

// DescribeFunc gives the fields of what is captured names.
func (x *explainer) DescribeFunc(f reflect.Value) (codec.Func, error) {
	d, err := x.transit.DescribeFunc(f)
	if err != nil || d.Layout == nil {
		return d, err
	}
	t := d.Layout
	entry := *(*uintptr)(d.Captures)
	var names []Capture
	own := false
	if fn := runtime.FuncForPC(entry); fn != nil {
		own = strings.HasPrefix(fn.Name(), "mobula.")
	}
	if !own {
		names = captures(entry)
	}
	if !own && (len(names) == 0 || len(names) > t.NumField()-1) {
		return d, nil
	}
	fields := make([]reflect.StructField, t.NumField())
	for i := range fields {
		was := t.Field(i)
		fields[i] = reflect.StructField{Name: was.Name, Type: was.Type}
		switch {
		case i == 0:
		case own:
			fields[i].Name, fields[i].PkgPath = ownCapture+strconv.Itoa(i), "main"
		case i <= len(names):
			if names[i-1].Name == "" {
				continue // the dictionary of a generic function
			}
			fields[i].Name, fields[i].PkgPath = fmt.Sprintf("%s%s%d", names[i-1].Name, placeMark, len(x.places)), "main"
			x.places = append(x.places, names[i-1].Place)
		}
	}
	d.Layout = reflect.StructOf(fields)
	return d, nil
}

// captures returns what the user calls the variables that a function captures.
func captures(entry uintptr) (list []Capture) {
	if h := Hosted(); h != nil && h.Captures != nil {
		if list = h.Captures(entry); list != nil {
			return list
		}
	}
	for _, name := range closure.CapturedNames(entry) {
		list = append(list, Capture{Name: name})
	}
	return list
}

var (
	ownPath   = regexp.MustCompile(`\.?capture\.` + ownCapture + `\d+`)
	placePath = regexp.MustCompile(placeMark + `(\d+)`)
)

// path makes a path readable: the variables from the outermost to the one that cannot leave, and where that is mentioned.
func (x *explainer) path(name, path string) string {
	path = ownPath.ReplaceAllString(strings.TrimPrefix(path, name), "")
	place := ""
	path = placePath.ReplaceAllStringFunc(path, func(mark string) string {
		i, err := strconv.Atoi(strings.TrimPrefix(mark, placeMark))
		if err == nil && i < len(x.places) {
			place = x.places[i]
		}
		return ""
	})
	path = strings.TrimPrefix(path, ".")
	if rest, ok := strings.CutPrefix(path, "capture."); ok {
		path = "the captured variable " + strings.ReplaceAll(rest, ".capture.", ", which captures ")
	}
	if place != "" {
		path += " (" + place + ")"
	}
	return path
}
