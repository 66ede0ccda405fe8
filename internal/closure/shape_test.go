package closure_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"mobula/internal/closure"
)

type item struct{ n int }

type wrapped[T any] struct{ v T }

type stack[T any] struct{ list []T }

func (s *stack[T]) push(v T) func() int {
	return func() int { s.list = append(s.list, v); return len(s.list) }
}

//go:noinline
func deferred[T any](f func(T) T, v T) func() T { return func() T { return f(v) } }

func boxed[T any](v T) func() T {
	w := wrapped[T]{v}
	return func() T { return w.v }
}

func changing[T any](v T) func(T) T {
	return func(next T) T { old := v; v = next; return old }
}

func two[T, U any](v T, w U) func() (T, U) { return func() (T, U) { return v, w } }

func of[T any](list []T, m map[string]T, c func() (T, error)) func() T {
	return func() T {
		if v, err := c(); err != nil {
			return v
		}
		return append(list, m["a"])[0]
	}
}

// TestGenericLayouts: literals of generic functions capture variables by the shape of their types; the real types are found.
func TestGenericLayouts(t *testing.T) {
	p := &item{1}
	c := func() (*item, error) { return p, nil }
	tests := []struct {
		name string
		f    any
		want string
	}{
		{"pointer", identity(p), "*item, *[2]uintptr"},
		{"not inlined", deferred(func(p *item) *item { return p }, p), "func(*item) *item, *item, *[3]uintptr"},
		{"pointer to a pointer", identity(&p), "**item, *[2]uintptr"},
		{"generic struct", boxed(p), "wrapped[*mobula/internal/closure_test.item], *[2]uintptr"},
		{"of a method", (&stack[*item]{}).push(p), "*stack[*mobula/internal/closure_test.item], *item, *[2]uintptr"},
		{"by reference", changing(p), "**item, *[3]uintptr"},
		{"two type parameters", two(p, "x"), "*item, string, *[3]uintptr"},
		{"two of one type", two(p, p), "*item, *item, *[2]uintptr"},
		{"composites", of([]*item{p}, map[string]*item{"a": p}, c), "func() (*item, error), []*item, map[string]*item, *[5]uintptr"},
		{"named basic type", identity(time.Second), "time.Duration, *[2]uintptr"},
		{"struct with a meaning", identity(time.Time{}), "time.Time, *[2]uintptr"},
		{"named pointer-free struct", identity(item{1}), "item, *[2]uintptr"},
		{"interface", identity[any](p), "interface {}, *[2]uintptr"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := strings.ReplaceAll(captures(t, test.f), "closure_test.", "")
			want := strings.ReplaceAll(test.want, "closure_test.", "")
			// How long the dictionary is depends on the compiler.
			if got[:strings.LastIndex(got, "*[")] != want[:strings.LastIndex(want, "*[")] {
				t.Errorf("%s; want %s", got, want)
			}
			rebuild(t, test.f)
		})
	}
}

// TestAmbiguous: go test strips the binary. Which of two pointer types a variable has cannot be known; guessing would copy the wrong memory.
func TestAmbiguous(t *testing.T) {
	n := 1
	_, err := closure.Open(reflect.ValueOf(two(&item{1}, &n)))
	if !errors.Is(err, closure.ErrAmbiguous) || !strings.Contains(err.Error(), "*closure_test.item or *int") {
		t.Error(err)
	}
}
