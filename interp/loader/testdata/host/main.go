// Command host is a session host for the linker's tests: it executes a script of loads and calls.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	_ "net/http"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"mobula/interp/loader"
)

// step is one line of the script.
type step struct {
	Unit  *loader.Unit
	Run   []string
	Var   string // a session variable of type []string
	Times int    // repeat the loads of this step
	Stats bool
	Quiet bool
	Self  string
	Main  bool // the program's main: exit afterwards
}

func main() {
	start := time.Now()
	l, err := loader.New(loader.Config{GOROOT: os.Getenv("HOST_GOROOT")})
	if err != nil {
		fmt.Println("new:", err)
		os.Exit(2)
	}
	if os.Getenv("HOST_TIME") != "" {
		fmt.Println("start", time.Since(start))
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	os.Args = os.Args[:1]
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var s step
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			fmt.Println("script:", err)
			os.Exit(2)
		}
		s.do(l)
	}
}

func (s *step) do(l *loader.Linker) {
	if s.Self != "" {
		if err := l.SelfTest(s.Self); err != nil {
			fmt.Println("self-test:", err)
			os.Exit(2)
		}
	}
	if s.Var != "" {
		p, err := l.Variable(s.Var, reflect.TypeFor[[]string]())
		if err != nil {
			fmt.Println("variable:", err)
			return
		}
		*(*[]string)(p) = strings.Fields("a variable made by the host")
	}
	if s.Unit != nil && !s.load(l) {
		return
	}
	for _, name := range s.Run {
		f, ok := l.Func(name)
		if !ok {
			fmt.Println("no function", name)
			continue
		}
		f()
	}
	if s.Stats {
		l.Verify()
		runtime.GC()
		debug.FreeOSMemory()
		st, _ := os.ReadFile("/proc/self/status")
		for line := range strings.Lines(string(st)) {
			if strings.HasPrefix(line, "VmRSS") {
				fmt.Println("stats", l.Stats().Loads, strings.Join(strings.Fields(line), " "))
			}
		}
	}
}

func (s *step) load(l *loader.Linker) bool {
	for range max(s.Times, 1) {
		t := time.Now()
		ld, err := l.Load(*s.Unit)
		if err != nil {
			fmt.Println("load:", err)
			return false
		}
		if os.Getenv("HOST_TIME") != "" && !s.Quiet {
			fmt.Println("load", time.Since(t), *ld)
		}
		ld.Init()
	}
	return true
}
