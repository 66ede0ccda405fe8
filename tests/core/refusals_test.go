package core

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"maps"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unique"
	"unsafe"
	"weak"

	"mobula"
	"mobula/internal/golden"
)

// captured submits a task that captures v.
func captured[T any](v T) error {
	var any any = v
	_, err := mobula.Go(func() bool { return any != nil }).Get(context.Background())
	return err
}

type session struct {
	Name string
	conn net.Conn
	done chan struct{}
}

func (s *session) use() int { return len(s.Name) }

// refusals are values that cannot leave their process.
func refusals(t *testing.T) map[string]func() error {
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := make(chan int)
	var mu sync.Mutex
	mu.Lock()
	var rw sync.RWMutex
	rw.RLock()
	var wg sync.WaitGroup
	wg.Add(1)
	t.Cleanup(wg.Done)
	var once sync.Map
	once.Store("c", c)
	var stored atomic.Value
	stored.Store(c)
	n := 7
	pull, stop := iter.Pull(seq(3))
	t.Cleanup(stop)
	s := &session{Name: "s", conn: conn}
	made := reflect.MakeFunc(reflect.TypeFor[func() int](), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(1)} }).Interface().(func() int)
	task := func(f func() int) error { _, err := mobula.Go(f).Get(context.Background()); return err }
	return map[string]func() error{
		"a channel":            func() error { return task(func() int { return <-c }) },
		"a channel to send to": func() error { var send chan<- int = c; return task(func() int { send <- 1; return 0 }) },
		"a channel in a struct": func() error {
			x := session{done: make(chan struct{})}
			return task(func() int { return len(x.Name) + cap(x.done) })
		},
		"a channel in a slice":         func() error { return captured([]chan int{nil, c}) },
		"a channel in a map":           func() error { return captured(map[string]chan int{"jobs": c}) },
		"a channel as a map's key":     func() error { return captured(map[chan int]int{c: 1}) },
		"a channel in an array":        func() error { return captured([2]chan int{1: c}) },
		"a channel behind pointers":    func() error { p := &c; return captured(&p) },
		"a channel in an interface":    func() error { return captured([]any{1, c}) },
		"a channel in a closure":       func() error { inner := func() int { return <-c }; return task(func() int { return inner() + 1 }) },
		"a channel in a sync.Map":      func() error { return task(func() int { _, ok := once.Load("c"); return map[bool]int{true: 1}[ok] }) },
		"a channel in an atomic.Value": func() error { return task(func() int { return len(fmt.Sprint(stored.Load())) }) },
		"a locked mutex":               func() error { return task(func() int { mu.Unlock(); return n }) },
		"a read-locked mutex":          func() error { return task(func() int { rw.RUnlock(); return n }) },
		"a wait group in use":          func() error { return task(func() int { wg.Done(); return n }) },
		"an open file":                 func() error { return task(func() int { return int(file.Fd()) }) },
		"a reader of a file":           func() error { r := bufio.NewReader(file); return task(func() int { return r.Buffered() }) },
		"a connection":                 func() error { return captured(conn) },
		"a connection in a struct":     func() error { return task(func() int { s.conn = nil; return len(s.Name) }) },
		"a method value":               func() error { return task(s.use) },
		"a listener":                   func() error { return captured(listener) },
		"a pipe":                       func() error { return captured(client) },
		"a context":                    func() error { ctx := t.Context(); return task(func() int { <-ctx.Done(); return 1 }) },
		"a timer":                      func() error { return captured(time.NewTimer(time.Hour)) },
		"a ticker":                     func() error { return captured(time.NewTicker(time.Hour)) },
		"an unsafe pointer":            func() error { return captured(unsafe.Pointer(&n)) },
		"a weak pointer":               func() error { return captured(weak.Make(&n)) },
		"a unique handle":              func() error { return captured(unique.Make("x")) },
		"a function made by reflect":   func() error { return task(made) },
		"a coroutine":                  func() error { return task(func() int { v, _ := pull(); return v }) },
		"a reflect.Value":              func() error { return captured(reflect.ValueOf(&n)) },
		"a running process": func() error {
			p, err := os.FindProcess(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			return captured(p)
		},
		"a test":                 func() error { return task(func() int { return len(t.Name()) }) },
		"a Ref that nobody made": func() error { var r mobula.Ref[int]; return task(func() int { return r.Value() }) },
		"an Actor that nobody made": func() error {
			var a mobula.Actor[counter]
			return task(func() int { return mobula.Call(a, increment).Value() })
		},
		"what is put": func() error { _, err := mobula.Put(map[string]any{"c": c}).Get(context.Background()); return err },
		"a result": func() error {
			_, err := mobula.Go(func() []chan int { return []chan int{make(chan int)} }).Get(context.Background())
			return err
		},
		"a function as a result": func() error {
			_, err := mobula.Go(func() func() int { c := make(chan int); return func() int { return <-c } }).Get(context.Background())
			return err
		},
		"an argument of an actor": func() error {
			_, err := mobula.Call(newCounter(1), func(*counter) int { return <-c }).Get(context.Background())
			return err
		},
		"a constructor": func() error {
			return mobula.NewActor(func() *counter { return &counter{n: <-c} }).Wait(context.Background())
		},
		"an item of a map": func() error {
			_, err := mobula.All(context.Background(), mobula.Map([]chan int{c}, func(c chan int) int { return cap(c) }))
			return err
		},
	}
}

// changing is what differs from run to run, or from machine to machine.
var changing = regexp.MustCompile(`\([0-9a-f]{8}\)|/[^ :]*/`)

func TestRefusals(t *testing.T) {
	connect(t, mobula.Config{InProcess: true})
	cases := refusals(t)
	var text strings.Builder
	for _, name := range sortedKeys(cases) {
		err := cases[name]()
		if err == nil {
			t.Errorf("%s left its process", name)
			continue
		}
		fmt.Fprintf(&text, "%s:\n    %s\n", name, changing.ReplaceAllString(err.Error(), "…"))
	}
	golden.Compare(t, "testdata/refusals.txt", text.String())
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
