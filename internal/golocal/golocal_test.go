package golocal

import (
	"context"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
)

var key = Key("task")

func TestMain(m *testing.M) {
	if os.Getenv("GOLOCAL_CRASH") != "" {
		Set(New(key, "cafe", 1))
		go func() { panic("crash") }()
		select {}
	}
	os.Exit(m.Run())
}

func TestGoroutinesInherit(t *testing.T) {
	if Value() != nil {
		t.Fatal("something is bound")
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			restore := Bind(New(key, "text", i))
			for range 10 {
				wg.Go(func() {
					if got := Value(); got != i {
						t.Errorf("%v instead of %d", got, i)
					}
				})
			}
			inner := Bind(New(key, "inner", "in"))
			if Value() != "in" {
				t.Error(Value())
			}
			inner()
			if Value() != i {
				t.Error(Value())
			}
			restore()
			if Value() != nil {
				t.Error(Value())
			}
		})
	}
	wg.Wait()
}

func TestOtherLabels(t *testing.T) {
	defer Bind(New(key, "text", 7))()
	pprof.Do(context.Background(), pprof.Labels("task", "other"), func(context.Context) {
		if Value() != nil {
			t.Error("another label was taken for a binding")
		}
	})
}

func TestCrashNamesTheLabel(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOLOCAL_CRASH=1", "GODEBUG=tracebacklabels=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), `labels:{"task": "cafe"}`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkBind(b *testing.B) {
	for b.Loop() {
		Set(New(key, "text", nil))
	}
}

func BenchmarkValue(b *testing.B) {
	defer Bind(New(key, "text", 7))()
	for b.Loop() {
		if Value() != 7 {
			b.Fatal()
		}
	}
}
