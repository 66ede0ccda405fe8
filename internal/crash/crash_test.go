package crash

import (
	"os"
	"path/filepath"
	"testing"
)

func read(t *testing.T, name string) Report {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !Begins(text) {
		t.Errorf("%s is not known as a report", name)
	}
	return Parse(text)
}

func TestReports(t *testing.T) {
	tests := []struct{ name, cause, task, function string }{
		{"stack", "stack overflow: endless recursion, or a stack of more than 256 KB", "aa", "main.rec"},
		{"map", "fatal error: concurrent map writes", "aa", "main.boom"},
		{"nil", "panic: runtime error: invalid memory address or nil pointer dereference", "aa", "main.nilp"},
		{"cgo", "crash in C code (SIGSEGV: segmentation violation)", "aa", "main._Cfunc_crash"},
		{"panic", "panic: own", "", "main.main"},
		{"oom", "out of memory", "", ""},
		{"bystander", "panic: the worker's own", "", "main.main"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report := read(t, tt.name)
			if report.Cause != tt.cause {
				t.Errorf("cause %q, want %q", report.Cause, tt.cause)
			}
			g, ok := report.Culprit("task")
			if ok != (tt.task != "") || g.Labels["task"] != tt.task {
				t.Errorf("culprit %q, want %q", g.Labels["task"], tt.task)
			}
			if tt.function != "" && (len(g.Frames) == 0 || g.Frames[0].Func != tt.function) {
				t.Errorf("frames %+v, want %s first", g.Frames, tt.function)
			}
		})
	}
}

func TestLabelsAndStates(t *testing.T) {
	g, _ := read(t, "stack").Culprit("task")
	if g.Labels["x"] != `q"]}` || g.State != "running" || g.Frames[1].File != "/src/main.go" || g.Frames[1].Line != 3 {
		t.Errorf("%+v", g)
	}
	report := read(t, "bystander")
	if first, ok := report.First("task"); !ok || first.ID != 9 || first.State != "chan receive" {
		t.Errorf("%+v, %v", first, ok)
	}
	if _, ok := report.First("cell"); ok {
		t.Error("a label that nobody has is found")
	}
	if g, _ := read(t, "map").Culprit("task"); g.Frames[len(g.Frames)-1].Func != "main.main" {
		t.Errorf("who created it: %+v", g.Frames)
	}
}

func TestOtherTextIsNoReport(t *testing.T) {
	for _, text := range []string{"", "hello\n", "no panic: at all\n", "a SIGSEGV: in the middle\n"} {
		if report := Parse([]byte(text)); Begins([]byte(text)) || report.Cause != "" || len(report.Goroutines) > 0 {
			t.Errorf("%q: %+v", text, report)
		}
	}
	if got := Parse([]byte("panic: out of memory, says the user\n")).Cause; got != "panic: out of memory, says the user" {
		t.Errorf("a panic's text is not believed: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("goroutine 1 [running labels:{\"a\": \"\\\"}]:\n\t:1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		report := Parse(text)
		if report.Cause != "" && !Begins(text) {
			t.Errorf("a cause without a beginning: %q", report.Cause)
		}
		if len(report.Goroutines) > MaxGoroutines {
			t.Errorf("%d goroutines", len(report.Goroutines))
		}
		for _, g := range report.Goroutines {
			if len(g.Frames) > MaxFrames || g.ID == 0 {
				t.Errorf("goroutine %d has %d frames", g.ID, len(g.Frames))
			}
		}
	})
}
