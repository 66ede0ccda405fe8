package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unique"
	"unsafe"
	"weak"

	"mobula/internal/golden"
)

type withConn struct {
	conn net.Conn
	name string
}

type task struct {
	Name  string
	Files []*os.File
	inner struct{ done chan bool }
}

type unregistered struct{ N int }

type ownContext struct{ context.Context }

type refusedValue struct {
	name  string
	value any
}

// refusedChannels lists values that hold channels, in all the places that a path can name.
func refusedChannels() []refusedValue {
	done := task{}
	done.inner.done = make(chan bool)
	var waiting sync.Map
	waiting.Store("k", make(chan int))
	type timed struct{ timer *time.Timer }
	return []refusedValue{
		{"channel", make(chan int)},
		{"channel in a field of a field", &done},
		{"channel in a slice", []any{1, make(<-chan string)}},
		{"channel in an array in a map", map[string][2]chan int{"k": {nil, make(chan int)}}},
		{"channel in a sync.Map", &waiting},
		{"key of a map", map[any]int{make(chan int): 1}},
		{"field of a key of a map", map[struct{ c chan int }]int{{make(chan int)}: 1}},
		{"timer", timed{time.NewTimer(time.Hour)}},
	}
}

// refusedFiles lists values that hold what the operating system has opened.
func refusedFiles(t *testing.T) []refusedValue {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); listener.Close(); file.Close() })
	var value atomic.Value
	value.Store(file)
	var pointer atomic.Pointer[task]
	pointer.Store(&task{Files: []*os.File{os.Stdout, file}})
	type link struct {
		next *link
		l    any
	}
	return []refusedValue{
		{"value at a number", map[int]*task{-7: {Files: []*os.File{nil, file}}}},
		{"value at a struct", map[[2]int]any{{1, 2}: file}},
		{"value at a bool", map[bool]any{true: file}},
		{"connection", &withConn{conn, "c"}},
		{"listener", struct{ l net.Listener }{listener}},
		{"TCP listener", listener},
		{"file", file},
		{"file in an atomic.Value", &value},
		{"file behind an atomic.Pointer", &pointer},
		{"copied file", &struct{ f os.File }{}},
		{"captured file", counterOf(file)},
		{"list of listeners", &link{next: &link{next: &link{l: listener}}}},
	}
}

// refusedStates lists values that are in use.
func refusedStates(t *testing.T) []refusedValue {
	t.Helper()
	locked, readLocked, inUse := &sync.Mutex{}, &sync.RWMutex{}, &sync.WaitGroup{}
	inside := &struct {
		n  int
		mu sync.RWMutex
	}{}
	locked.Lock()
	inside.mu.Lock()
	readLocked.RLock()
	inUse.Add(1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { readLocked.RUnlock(); inside.mu.Unlock(); inUse.Done(); cancel() })
	return []refusedValue{
		{"mutex", locked},
		{"mutex in a struct", &struct{ mu *sync.Mutex }{locked}},
		{"mutex by value", inside},
		{"read lock", []*sync.RWMutex{{}, readLocked}},
		{"wait group", inUse},
		{"context", ctx},
		{"background", context.Background()},
		{"context in any", []any{context.TODO()}},
		{"own context", struct{ ctx context.Context }{ownContext{}}},
		{"context behind a pointer", &struct{ ctx any }{ctx}},
	}
}

// refusedForms lists values that mean nothing elsewhere.
func refusedForms() []refusedValue {
	p, n, hash := new(int), 0, new(maphash.Hash)
	hash.Sum64() // makes its seed
	x := new(struct{ a, b int32 })
	return []refusedValue{
		{"unsafe pointer", &struct{ p unsafe.Pointer }{unsafe.Pointer(p)}},
		{"reflect.Value", []reflect.Value{{}, reflect.ValueOf(1)}},
		{"weak pointer", weak.Make(p)},
		{"handle", unique.Make("x")},
		{"handle in an interface", &struct{ any }{unique.Make("x")}},
		{"seed", struct{ s maphash.Seed }{maphash.MakeSeed()}},
		{"hash", hash},
		{"unknown func", struct{ f func() }{func() { n++ }}},
		{"unknown func in a map", map[string]any{"f": func() { n++ }}},
		{"unknown type", []any{unregistered{}}},
		{"unknown type as a value", []any{reflect.TypeFor[unregistered]()}},
		{"contradiction", &struct {
			a *struct{ a, b int32 }
			b *int64
		}{x, (*int64)(unsafe.Pointer(x))}},
	}
}

//go:noinline
func counterOf(f *os.File) func() string { return func() string { return f.Name() } }

func TestErrorTexts(t *testing.T) {
	h := newRegistry(map[string]any{}, &os.File{})
	h.function(counterOf(nil), struct{ f *os.File }{})
	var text bytes.Buffer
	for _, c := range slices.Concat(refusedChannels(), refusedFiles(t), refusedStates(t), refusedForms()) {
		_, err := Encode(h, reflect.ValueOf(c.value), Options{Name: "capture"})
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		fmt.Fprintf(&text, "%s\n  path:   %s\n  type:   %s\n  reason: %s\n  hint:   %s\n  text:   %s\n", c.name, e.Path, e.Type, e.Reason, e.Hint, e)
	}
	golden.Compare(t, filepath.Join("testdata", "errors.txt"), text.String())
}

// TestPaths has the forms that a path may take without a name for the value.
func TestPaths(t *testing.T) {
	c := make(chan int)
	type named struct{ Name any }
	for want, v := range map[string]any{
		"":             c,
		"[3].Name":     []named{{}, {}, {}, {c}},
		"(map key)":    map[chan int]int{c: 1},
		`["a b"][0]`:   map[string][]any{"a b": {c}},
		"[...].Name":   map[float64]*named{1.5: {c}},
		"Name.Name[1]": named{named{[2]any{nil, c}}},
		"[1][2]":       &[2][3]chan int{{}, {nil, nil, c}},
		"[255]":        map[uint8]any{255: &c},
	} {
		_, err := Encode(newRegistry(named{}, [2]any{}, &c), reflect.ValueOf(v), Options{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Path != want {
			t.Errorf("got %v, want the path %q", err, want)
		}
	}
}

func TestMisuse(t *testing.T) {
	h := newRegistry()
	hidden := reflect.ValueOf(point{1, 2}).Field(0)
	for want, v := range map[string]reflect.Value{"no value": {}, "unexported": hidden} {
		if _, err := Encode(h, v, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, into := range []reflect.Value{{}, reflect.ValueOf(1), reflect.ValueOf(new(int))} {
		if err := Decode(h, Encoded{}, into); err == nil || !strings.Contains(err.Error(), "needs a variable") {
			t.Errorf("got %v", err)
		}
	}
}

func TestHostErrorsAreKept(t *testing.T) {
	cause := fmt.Errorf("asked for %w", os.ErrPermission)
	h := failingHost{newRegistry(), cause}
	_, err := Encode(h, reflect.ValueOf([]any{1}), Options{Name: "x"})
	if e, ok := errors.AsType[*Error](err); !ok || e.Path != "x[0]" || !strings.Contains(e.Reason, "asked for") {
		t.Errorf("got %v", err)
	}
}

type failingHost struct {
	Host
	err error
}

func (h failingHost) TypeName(reflect.Type) (string, error) { return "", h.err }
