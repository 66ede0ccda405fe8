//go:build linux && amd64

package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/interp/hostproc"
	"mobula/interp/hostrpc"
)

// envKernel makes the test binary a kernel: it starts the host named by the variable and waits to be killed.
const envKernel = "HOST_TEST_KERNEL"

func standForKernel(path string) {
	p, err := hostproc.Start(context.Background(), hostproc.Config{Path: path})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	<-p.Done()
	os.Exit(1)
}

// TestKernelKilled kills a kernel: its host must go.
func TestKernelKilled(t *testing.T) {
	buildHost(t)
	kernel := exec.Command(os.Args[0])
	kernel.Env = append(os.Environ(), envKernel+"="+built.host.Path, "MOBULA_GOROOT="+built.tc.GOROOT)
	out, err := kernel.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := kernel.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := kernel.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_ = kernel.Wait() // it was killed
	for syscall.Kill(pid, 0) == nil && !isZombie(pid) {
		if time.Since(start) > 2*time.Second {
			t.Fatal("the host lives on")
		}
		time.Sleep(time.Millisecond)
	}
	t.Log("gone after ", time.Since(start))
}

func isZombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// TestChildrenEnd closes a host: what its cells have started must go too.
func TestChildrenEnd(t *testing.T) {
	s := open(t)
	s.run("", `c := exec.Command("sleep", "1000"); c.Start(); fmt.Print(c.Process.Pid)`, "os/exec", "fmt")
	var pid int
	if _, err := fmt.Sscan(s.text(1, "stdout"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := s.p.Close(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); syscall.Kill(pid, 0) == nil && !isZombie(pid); time.Sleep(time.Millisecond) {
		if time.Since(start) > 2*time.Second {
			t.Fatal("the child lives on")
		}
	}
}

// TestCrashes ends hosts in the ways that no recover() sees.
func TestCrashes(t *testing.T) {
	tests := []struct {
		name, decls, body string
		imports           []string
		reason            string
		code              int
		line              int // of the first user frame, 0: not looked at
	}{
		{"exit", "", "fmt.Print(\"last words\")\nos.Exit(3)", []string{"os", "fmt"}, "called os.Exit(3)", 3, 2},
		{"stack overflow", "func f(n int) int { return f(n+1) + 1 }", "f(0)", nil, "stack overflow", 2, 0},
		{"map writes", "", "m := map[int]int{}\nfor range 4 { go func() { for i := 0; ; i++ { m[i%10] = i } }() }\nfor { m[1]++ }", nil, "concurrent map", 2, 0},
		{"killed", "", "syscall.Kill(syscall.Getpid(), syscall.SIGKILL)\nselect {}", []string{"syscall"}, "signal 9", 137, 0},
		{"unlock", "", "var m sync.Mutex\nm.Unlock()", []string{"sync"}, "unlock of unlocked mutex", 2, 2},
		{"segmentation fault signal", "", "syscall.Kill(syscall.Getpid(), syscall.SIGABRT)\nselect {}", []string{"syscall"}, "SIGABRT", 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			fn := s.load(tt.decls, tt.body, tt.imports...)
			_, err := s.p.Call(t.Context(), &hostrpc.Request{Run: &hostrpc.Run{Cell: 1, Func: fn}})
			if !errors.Is(err, hostproc.ErrExited) {
				t.Fatal(err)
			}
			<-s.p.Done()
			e := s.p.Exit()
			if !strings.Contains(e.Reason, tt.reason) || e.Code != tt.code || e.Cell != 1 {
				t.Errorf("%+v", e)
			}
			if tt.line > 0 {
				first := hostrpc.Frame{}
				for _, f := range e.Frames {
					if f.User {
						first = f
						break
					}
				}
				if filepath.Base(first.File) != "cell[1]" || first.Line != tt.line {
					t.Errorf("frames %+v\n%s", e.Frames, e.Detail)
				}
			}
			if tt.name == "exit" && s.text(1, "stdout") != "last words" {
				t.Errorf("output %q", s.text(1, "stdout"))
			}
			if got := s.text(1, "stderr"); got != "" {
				t.Errorf("the report was shown as output: %q", got)
			}
		})
	}
}
