//go:build linux && amd64

package program_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"mobula/internal/codec"
	"mobula/internal/program"
)

// envChild makes the test binary the second process: it runs the func that comes on its standard input.
const envChild = "PROGRAM_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(envChild) == "" {
		os.Exit(m.Run())
	}
	var f func() string
	var e codec.Encoded
	p, err := program.Executable()
	if err == nil {
		err = gob.NewDecoder(os.Stdin).Decode(&e)
	}
	if err == nil {
		err = codec.Decode(p, e, reflect.ValueOf(&f).Elem())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Print(f())
}

func encoded(t *testing.T, f func() string) (codec.Encoded, error) {
	t.Helper()
	p, err := program.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return codec.Encode(p, reflect.ValueOf(&f).Elem(), codec.Options{})
}

// elsewhere runs f in another process.
func elsewhere(t *testing.T, f func() string) string {
	t.Helper()
	e, err := encoded(t, f)
	if err != nil {
		t.Fatal(err)
	}
	var message bytes.Buffer
	if err := gob.NewEncoder(&message).Encode(e); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env, child.Stdin = append(os.Environ(), envChild+"=1"), &message
	out, err := child.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

type pair[T any] struct{ a, b T }

func (p pair[T]) String() string { return fmt.Sprintf("%v and %v", p.a, p.b) }

func described[T any](v T) func() string {
	return func() string { return fmt.Sprintf("%T %v", v, any(v)) }
}

func plain() string { return "plain" }

var fixed, changed = 1, 1

func TestElsewhere(t *testing.T) {
	list := []int{1, 2}
	same, other := &fixed, &changed
	changed = 2
	failure := fmt.Errorf("read: %w", io.EOF)
	for _, c := range []struct {
		name string
		f    func() string
		want string
	}{
		{"a function", plain, "plain"},
		{"a literal", func() string { return fmt.Sprint(list, len(os.Getenv(envChild))) }, "[1 2] 1"},
		{"a generic function", described(pair[string]{"a", "b"}), "program_test.pair[string] a and b"},
		{"a type in an interface, and a sentinel", func() string { return fmt.Sprintf("%v %v", failure, errors.Is(failure, io.EOF)) }, "read: EOF true"},
		{"variables of a package", func() string { return fmt.Sprint(same == &fixed, other == &changed, *other) }, "true false 2"},
	} {
		if got := elsewhere(t, c.f); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	made := reflect.MakeFunc(reflect.TypeFor[func() string](), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf("x")} })
	list := reflect.MakeSlice(reflect.SliceOf(reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int]()}})), 1, 1).Interface()
	for want, f := range map[string]func() string{
		"call it through a func literal": made.Interface().(func() string),
		"declare it":                     func() string { return fmt.Sprint(list) },
	} {
		if _, err := encoded(t, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	p, err := program.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "zz", "7fffffffffff", "-7fffffffffff", "7fffffffffffffff"} {
		if _, err := p.TypeByName(name); err == nil {
			t.Errorf("%q is a type", name)
		}
		if _, err := p.CaptureType(name, nil); err == nil {
			t.Errorf("%q is a function", name)
		}
		if _, ok := p.StaticVariable(name); ok {
			t.Errorf("%q is a variable", name)
		}
	}
}
