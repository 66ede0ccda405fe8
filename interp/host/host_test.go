//go:build linux && amd64

package host_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula"
	"mobula/interp/hostproc"
	"mobula/interp/hostrpc"
	"mobula/interp/toolchain"
)

// built is the host that all tests of this package share.
var built struct {
	sync.Once
	tc     toolchain.Toolchain
	host   toolchain.Host
	inside map[string]bool // packages linked into it
	err    error
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(envKernel); dir != "" {
		standForKernel(dir)
	}
	os.Exit(m.Run())
}

func buildHost(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a session host")
	}
	built.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		if built.tc, built.err = toolchain.Find(ctx); built.err != nil {
			return
		}
		built.host, built.err = toolchain.PrepareHost(ctx, built.tc, mobula.Source, func(s string) { t.Log(s) })
		built.inside = map[string]bool{"unsafe": true}
		for _, p := range built.host.Packages {
			built.inside[p.ImportPath] = true
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
}

// session is a host with the means to compile cells for it.
type session struct {
	t        testing.TB
	p        *hostproc.Process
	packages *toolchain.Packages
	dir      string
	loaded   map[string]bool
	n        int

	mu     sync.Mutex // guards below
	events []*hostrpc.Event
	on     func(*hostrpc.Event)
}

func open(t testing.TB) *session {
	t.Helper()
	buildHost(t)
	s := &session{t: t, dir: t.TempDir(), loaded: map[string]bool{}}
	s.packages = toolchain.NewPackages(built.tc, ".", nil, built.host.Flags, built.host.Packages)
	p, err := hostproc.Start(t.Context(), hostproc.Config{Path: built.host.Path, Dir: s.dir, Env: append(os.Environ(), "MOBULA_GOROOT="+built.tc.GOROOT, hostrpc.EnvComms+"=1"), OnEvent: s.event})
	if err != nil {
		t.Fatal(err)
	}
	if p.Hello.Err != "" {
		t.Fatal(p.Hello.Err)
	}
	s.p = p
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *session) event(e *hostrpc.Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	on := s.on
	s.mu.Unlock()
	if on != nil {
		on(e)
	}
}

// text returns what a cell has written to a stream.
func (s *session) text(cell int, stream string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.events {
		if o := e.Output; o != nil && o.Cell == cell && o.Stream == stream {
			b.Write(o.Text)
		}
	}
	return b.String()
}

// faults returns the reports of goroutines' panics.
func (s *session) faults() (list []*hostrpc.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Fault != nil {
			list = append(list, e.Fault)
		}
	}
	return list
}

// load compiles and loads a cell: declarations, and the body of its function.
func (s *session) load(decls, body string, imports ...string) (fn string) {
	s.t.Helper()
	s.n++
	fn = fmt.Sprintf("cell_%d", s.n)
	var src strings.Builder
	src.WriteString("package main\n")
	for _, i := range imports {
		fmt.Fprintf(&src, "import %q\n", i)
	}
	fmt.Fprintf(&src, "%s\nfunc %s() {\n//line cell[%d]:1:1\n%s\n}\n", decls, fn, s.n, body)
	if err := s.packages.Resolve(s.t.Context(), imports...); err != nil {
		s.t.Fatal(err)
	}
	archive, err := s.packages.Compile(s.t.Context(), toolchain.Unit{Source: src.String(), Imports: imports})
	if err != nil {
		s.t.Fatal(err)
	}
	defer archive.Close()
	l := &hostrpc.Load{Cell: s.n, Archive: toolchain.Path(archive), Define: []string{"main." + fn}}
	for _, k := range s.packages.Closure(imports) {
		if !built.inside[k.ImportPath] {
			l.Packages = append(l.Packages, hostrpc.Package{Path: k.ImportPath, Archive: k.Export})
		}
	}
	if r := s.call(&hostrpc.Request{Load: l}); r.Fault != nil {
		s.t.Fatalf("load: %s", r.Fault.Message)
	}
	return "main." + fn
}

func (s *session) call(r *hostrpc.Request) *hostrpc.Reply {
	s.t.Helper()
	reply, err := s.p.Call(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("%v: %s", err, s.p.Exit().Detail)
	}
	return reply
}

// run loads and runs a cell.
func (s *session) run(decls, body string, imports ...string) *hostrpc.Reply {
	s.t.Helper()
	fn := s.load(decls, body, imports...)
	return s.call(&hostrpc.Request{Run: &hostrpc.Run{Cell: s.n, Func: fn}})
}

func TestStart(t *testing.T) {
	buildHost(t)
	start := time.Now()
	s := open(t)
	t.Logf("start to Hello %v, resident %d MB, %d packages", time.Since(start), resident(t, s.p.PID())>>20, len(s.p.Hello.Packages))
	if r := s.run("", `fmt.Println("hello")`, "fmt"); r.Fault != nil || s.text(1, "stdout") != "hello\n" {
		t.Fatalf("%+v %q", r, s.text(1, "stdout"))
	}
}

func TestOutput(t *testing.T) {
	s := open(t)
	s.run("", `
		fmt.Print("a")
		fmt.Fprint(os.Stderr, "e")
		println("raw")
		io.Copy(os.Stdout, strings.NewReader("b"))
		os.Stdout.WriteString("c")
		exec.Command("echo", "child").Run()
		c := exec.Command("echo", "child"); c.Stdout = os.Stdout; c.Run()`, "fmt", "os", "io", "strings", "os/exec")
	if got := s.text(1, "stdout"); got != "abcchild\n" && got != "child\nabc" {
		t.Errorf("stdout %q", got)
	}
	if got := s.text(1, "stderr"); !strings.Contains(got, "e") || !strings.Contains(got, "raw\n") {
		t.Errorf("stderr %q", got)
	}
	// A goroutine that outlives its cell goes on writing under it.
	s.run("var Go, Done chan bool", `Go, Done = make(chan bool), make(chan bool); go func() { <-Go; fmt.Print("late"); Done <- true }()`, "fmt")
	s.run("var Go, Done chan bool", `Go <- true; <-Done; fmt.Print("three")`, "fmt")
	deadline := time.Now().Add(5 * time.Second)
	for s.text(2, "stdout") != "late" {
		if time.Now().After(deadline) {
			t.Fatalf("cell 2 %q, cell 3 %q", s.text(2, "stdout"), s.text(3, "stdout"))
		}
		time.Sleep(time.Millisecond)
	}
	if got := s.text(3, "stdout"); got != "three" {
		t.Errorf("cell 3: %q", got)
	}
}

func TestManyLines(t *testing.T) {
	s := open(t)
	fn := s.load("", `for i := range 100000 { fmt.Println("line", i) }`, "fmt")
	start := time.Now()
	s.call(&hostrpc.Request{Run: &hostrpc.Run{Cell: 1, Func: fn}})
	took := time.Since(start)
	var want strings.Builder
	for i := range 100000 {
		fmt.Fprintln(&want, "line", i)
	}
	if s.text(1, "stdout") != want.String() {
		t.Error("output differs")
	}
	t.Logf("%v, %d messages", took, len(s.events))
	if len(s.events) >= 100 {
		t.Errorf("%d messages", len(s.events))
	}
}

func TestFaults(t *testing.T) {
	s := open(t)
	tests := []struct {
		decls, body, name, message string
		line                       int
	}{
		{"", "\nvar p *int\n*p = 1", "runtime error", "invalid memory address or nil pointer dereference", 3},
		{"", "var s []int\n_ = s[len(s)+3]", "runtime error", "index out of range [3] with length 0", 2},
		{"", "panic(errors.New(\"broken\"))", "panic", "broken", 1},
		{"", "defer func() { panic(recover()) }()\npanic(7)", "panic", "7", 1},
		{"", "x := 0\n_ = errors.New\nprintln(1 / x)", "runtime error", "integer divide by zero", 3},
	}
	for i, tt := range tests {
		r := s.run(tt.decls, tt.body+"\n_ = errors.New", "errors")
		f := r.Fault
		if f == nil || f.Name != tt.name || f.Message != tt.message {
			t.Errorf("%d: %+v", i+1, f)
			continue
		}
		if len(f.Frames) == 0 || f.Frames[0].File != fmt.Sprintf("cell[%d]", i+1) || f.Frames[0].Line != tt.line || !f.Frames[0].User {
			t.Errorf("%d: frames %+v", i+1, f.Frames)
		}
	}
	// A goroutine's panic ends that goroutine alone.
	s.run("", "done := make(chan bool)\ngo func() {\ndefer close(done)\nvar m map[string]int\nm[\"a\"] = 1\n}()\n<-done")
	r := s.run("", "print()")
	if r.Fault != nil {
		t.Fatal(r.Fault)
	}
	list := s.faults()
	if len(list) != 1 || !list[0].Goroutine || list[0].Message != "assignment to entry in nil map" || list[0].Frames[0].Line != 5 {
		t.Errorf("%+v", list)
	}
}

func TestInput(t *testing.T) {
	s := open(t)
	answers := []string{"41 one", "two"}
	s.on = func(e *hostrpc.Event) {
		if e.Input != nil {
			r := &hostrpc.InputReply{Token: e.Input.Token, Err: "nobody is there"}
			if len(answers) > 0 {
				r.Text, r.Err, answers = answers[0], "", answers[1:]
			}
			go func() {
				if err := s.p.Answer(r); err != nil {
					t.Error(err)
				}
			}()
		}
	}
	s.run("", `
		var n int; var a, b string
		fmt.Scan(&n, &a, &b)
		_, err := fmt.Scan(&a)
		fmt.Println(n+1, a, b, err)`, "fmt")
	if got := s.text(1, "stdout"); got != "42 one two EOF\n" && got != "42 one two unexpected newline\n" {
		t.Errorf("%q", got)
	}
}

func resident(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, rss int
	if _, err := fmt.Sscan(string(b), &size, &rss); err != nil {
		t.Fatal(err)
	}
	return rss * os.Getpagesize()
}
