//go:build linux

package jobs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/internal/eventually"
	"mobula/internal/filepack"
)

func TestJob(t *testing.T) {
	c := startCluster(t)
	n := c.join("here")
	dir := folder(t, map[string]string{"data/a.txt": "alpha", ".mobulaignore": "big\n", "big": "x", "run.sh": "#!/bin/sh\necho by script $1\n"})
	job := c.submit(Spec{
		ID: "first", Name: "try", Entrypoint: []string{"sh", "-c", `cat data/a.txt; echo; ls; echo "$A $MOBULA_JOB_ID $MOBULA_JOB_ATTEMPT $MOBULA_ADDRESS"; echo bad >&2; ./run.sh "one two"; read x; echo "in: $x"`},
		WorkingDir: dir, Env: map[string]string{"A": "secret"}, Metadata: map[string]string{"team": "red"}, CPUs: 1,
	})
	if job.ID != "first" || job.State != Pending && job.State != Running || job.Message == "" && job.State == Pending {
		t.Errorf("%+v", job)
	}
	job = c.ends("first", Succeeded)
	if job.ExitCode == nil || *job.ExitCode != 0 || job.Name != "try" || job.Metadata["team"] != "red" || !slices.Equal(job.Env, []string{"A"}) || job.Ended < job.Created {
		t.Errorf("%+v", job)
	}
	if a := job.Attempts; len(a) != 1 || a[0].NodeName != "here" || a[0].Node != n.ID() || a[0].PID == 0 || a[0].Started == 0 {
		t.Errorf("%+v", a)
	}
	want := "alpha\ndata\nrun.sh\nsecret first 1 " + n.Address() + "\nbad\nby script one two\nin: \n"
	if got := c.log("first"); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if all, err := c.List(c.context()); err != nil || len(all) != 1 || all[0].ID != "first" {
		t.Errorf("%+v, %v", all, err)
	}
	eventually.Holds(t, "its folder goes", func() bool {
		left, err := filepath.Glob(filepath.Join(filepath.Dir(n.Address()), "jobs", "*"))
		return err == nil && len(left) == 0
	})
	if err := c.Delete(c.context(), "first"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(c.context(), "first"); !headwire.HasCode(err, headwire.NotFound) {
		t.Error(err)
	}
}

func TestEndsOfJobs(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	dir := folder(t, map[string]string{"train": "#!/bin/sh\n", "data.csv": "1,2", "sub/x": ""})
	if err := os.Chmod(filepath.Join(dir, "data.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(words ...string) Spec { return Spec{Entrypoint: words, WorkingDir: dir} }
	for _, tt := range []struct {
		name string
		Spec
		state, message string
		code           int // -1 for none
	}{
		{"exit", sh("echo one; echo two; exit 3"), Failed, "exited with status 3\none\ntwo", 3},
		{"signal", sh("kill -SEGV $$"), Failed, "killed by signal 11", -1},
		{"long", sh("seq 100000; exit 1"), Failed, "exited with status 1\n99991\n99992\n", 1},
		{"unknown", in("trainn"), Failed, "start trainn: no such program in the PATH", -1},
		{"hint", in("train"), Failed, "write ./train", -1},
		{"missing", in("./tarin"), Failed, "start ./tarin: there is no such file", -1},
		{"mode", in("./data.csv"), Failed, "it is not executable", -1},
		{"folder", in("./sub"), Failed, "it is a folder", -1},
		{"fine", in("./train"), Succeeded, "exited with status 0", 0},
	} {
		job := c.submit(tt.Spec)
		job = c.ends(job.ID, tt.state)
		if !strings.Contains(job.Message, tt.message) || (job.ExitCode == nil) != (tt.code < 0) || job.ExitCode != nil && *job.ExitCode != tt.code {
			t.Errorf("%s: %q, code %v", tt.name, job.Message, job.ExitCode)
		}
		if len(job.Message) > 4096 {
			t.Errorf("%s: a message of %d bytes", tt.name, len(job.Message))
		}
	}
}

func TestRefusedJobs(t *testing.T) {
	c := startCluster(t)
	if job := c.submit(Spec{Entrypoint: []string{"true"}, CPUs: 99}); !strings.Contains(c.becomes(job.ID, "why it waits", func(j Job) bool { return j.Message != "" }).Message, "") {
		t.Error("without a node nothing is impossible")
	}
	c.join("here", license)
	ready := sh("true") // what nodes can give is known when one has run it
	ready.CPUs = 1
	c.ends(c.submit(ready).ID, Succeeded)
	big := folder(t, map[string]string{"huge": ""})
	if err := os.Truncate(filepath.Join(big, "huge"), filepack.Limit+1); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]Spec{
		"needs 9 CPU":                    {CPUs: 9},
		"no node has a resource licence": {Resources: map[string]float64{"licence": 1}},
		"no node has label zone=eu":      {Labels: "zone=eu"},
		"cannot be negative":             {CPUs: -1},
		"label selector":                 {Labels: "zone eu"},
		"a field of its own":             {Resources: map[string]float64{"cpu": 1}},
		`id "a b" must be`:               {ID: "a b"},
		"retries must be":                {Retries: 1000},
		`variable "a=b" must be`:         {Env: map[string]string{"a=b": ""}},
		"no such file":                   {WorkingDir: "/no/such/folder"},
		"at most 512 MiB can be sent":    {WorkingDir: big},
		"at most 256 KiB":                {Metadata: map[string]string{"x": strings.Repeat("x", 300<<10)}},
	} {
		s.Entrypoint = []string{"true"}
		if _, err := c.Submit(c.context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if _, err := c.Submit(c.context(), Spec{}); err == nil || !strings.Contains(err.Error(), "no entrypoint") {
		t.Error(err)
	}
	s := sh("sleep 1000")
	s.ID = "same"
	c.submit(s)
	if _, err := c.Submit(c.context(), s); !headwire.HasCode(err, headwire.Exists) {
		t.Error(err)
	}
	if err := c.Delete(c.context(), "same"); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Error(err)
	}
	for _, err := range []error{c.Delete(c.context(), "none"), second(c.Stop(c.context(), "none")), second(c.Wait(c.context(), "none")), second(c.read("none", LogOptions{}))} {
		if !headwire.HasCode(err, headwire.NotFound) {
			t.Error(err)
		}
	}
}

func second[V any](_ V, err error) error { return err }

// TestJobsTakeTurns: what an entrypoint asks for it holds, and another one waits with a reason.
func TestJobsTakeTurns(t *testing.T) {
	c := startCluster(t)
	c.join("plain")
	c.join("licensed", license)
	mark := filepath.Join(t.TempDir(), "go")
	first := sh("while ! [ -e %s ]; do sleep 0.05; done", mark)
	first.Resources = map[string]float64{"license": 1}
	a := c.submit(first)
	c.becomes(a.ID, "it runs", running)
	b := c.submit(first)
	waits := c.becomes(b.ID, "it waits", func(j Job) bool { return strings.Contains(j.Message, "license") })
	if waits.State != Pending || len(waits.Attempts) != 0 {
		t.Errorf("%+v", waits)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{a.ID, b.ID} {
		if job := c.ends(id, Succeeded); job.Attempts[0].NodeName != "licensed" {
			t.Errorf("it ran on %+v", job.Attempts[0])
		}
	}
}

// TestRetries: an entrypoint that fails is run again, and who follows its log reads on.
func TestRetries(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	count := filepath.Join(t.TempDir(), "count")
	s := sh("echo x >> %[1]s; echo attempt $MOBULA_JOB_ATTEMPT; [ $(wc -l < %[1]s) -ge 3 ] || exit 5", count)
	s.Retries = 2
	job := c.submit(s)
	text, err := c.read(job.ID, LogOptions{Follow: true})
	if err != nil || text != "attempt 1\nattempt 2\nattempt 3\n" {
		t.Errorf("%q, %v", text, err)
	}
	job = c.ends(job.ID, Succeeded)
	if len(job.Attempts) != 3 || *job.Attempts[0].ExitCode != 5 || job.Attempts[1].Started-job.Attempts[0].Ended < 900 {
		t.Errorf("%+v", job.Attempts)
	}
	if text, err := c.read(job.ID, LogOptions{Attempt: 2}); err != nil || text != "attempt 2\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.read(job.ID, LogOptions{Attempt: 4}); !headwire.HasCode(err, headwire.NotFound) {
		t.Error(err)
	}
	s = sh("exit 6")
	s.Retries = 5
	job = c.submit(s)
	c.becomes(job.ID, "it waits for its next attempt", func(j Job) bool {
		return strings.Contains(j.Message, "attempt 1 failed: exited with status 6") && strings.Contains(j.Message, "tried again in")
	})
	if _, err := c.Stop(c.context(), job.ID); err != nil {
		t.Fatal(err)
	}
	c.ends(job.ID, Stopped)
}

// TestLogOverRotation: who follows reads all that a job writes, though the node keeps a part only; who comes later reads the end.
func TestLogOverRotation(t *testing.T) {
	c := startCluster(t)
	c.join("here", func(c *node.Config) { c.LogBytes = 16 << 10 })
	job := c.submit(sh("i=0; while [ $i -lt 20 ]; do seq $((i*300)) $((i*300+299)); sleep 0.05; i=$((i+1)); done"))
	text, err := c.read(job.ID, LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(text)
	for i, line := range lines {
		if i > 0 && line != next(lines[i-1]) {
			t.Fatalf("after %s comes %s", lines[i-1], line)
		}
	}
	if len(lines) != 6000 {
		t.Errorf("%d lines", len(lines))
	}
	c.ends(job.ID, Succeeded)
	first := true
	var kept bytes.Buffer
	for part, err := range c.Logs(c.context(), job.ID, LogOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if first && part.Skipped == 0 {
			t.Error("nothing is said of what is gone")
		}
		first = false
		kept.Write(part.Text)
	}
	if kept.Len() < 4<<10 || kept.Len() > 16<<10 || !strings.HasSuffix(text, kept.String()) {
		t.Errorf("%d bytes are kept", kept.Len())
	}
	if end, err := c.read(job.ID, LogOptions{Offset: -10}); err != nil || end != "5998\n5999\n" {
		t.Errorf("%q, %v", end, err)
	}
}

// next is the number that follows.
func next(n string) string {
	digits := []byte(n)
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i]++; digits[i] <= '9' {
			return string(digits)
		}
		digits[i] = '0'
	}
	return "1" + string(digits)
}

// TestOutputs: what a job leaves is kept, after its node has gone, too.
func TestOutputs(t *testing.T) {
	c := startCluster(t)
	n := c.join("here")
	s := sh("mkdir out; echo result > out/a.txt; echo more > out/b.txt; echo other > c; ln -s /etc/passwd link; head -c 3000000 /dev/zero > zeros; exit 4")
	s.Outputs = []string{"out/*.txt", "zeros", "missing.txt", "../x", "link"}
	job := c.submit(s)
	job = c.ends(job.ID, Failed)
	var names []string
	for _, f := range job.Outputs {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"out/a.txt", "out/b.txt", "zeros"}) {
		t.Error(names)
	}
	for _, want := range []string{"exited with status 4", "missing.txt: there is no such file", "../x", "link"} {
		if !strings.Contains(job.Message, want) {
			t.Errorf("%q does not say %q", job.Message, want)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Output(c.context(), job.ID, "out/a.txt", &out); err != nil || out.String() != "result\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	if err := c.Output(c.context(), job.ID, "zeros", &out); err != nil || out.Len() != 3000000 {
		t.Error(out.Len(), err)
	}
	dir := t.TempDir()
	path, err := c.SaveOutput(c.context(), job.ID, "out/b.txt", dir, false)
	if text, _ := os.ReadFile(path); err != nil || path != filepath.Join(dir, "out", "b.txt") || string(text) != "more\n" {
		t.Errorf("%s: %q, %v", path, text, err)
	}
	if _, err := c.SaveOutput(c.context(), job.ID, "out/b.txt", dir, false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if _, err := c.SaveOutput(c.context(), job.ID, "out/b.txt", dir, true); err != nil {
		t.Error(err)
	}
	if _, err := c.SaveOutput(c.context(), job.ID, "../x", dir, true); err == nil {
		t.Error("a file elsewhere is written")
	}
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SaveOutput(c.context(), job.ID, "mine", dir, true); !errors.Is(err, errNoOutput) || !exists(mine) || exists(mine+".part") {
		t.Errorf("what was to be replaced by nothing: %v", err)
	}
	if _, err := c.SaveOutput(c.context(), job.ID, "c", dir, false); !errors.Is(err, errNoOutput) || exists(filepath.Join(dir, "c")) {
		t.Error(err)
	}
	if err := c.Output(c.context(), job.ID, "c", &out); !errors.Is(err, errNoOutput) {
		t.Error(err)
	}
}

// TestFilesAreSentOnce: also those of several parts; and they go when there is no room for others.
func TestFilesAreSentOnce(t *testing.T) {
	c := startCluster(t, func(c *head.Config) { c.FilesBytes = 12 << 20 })
	c.join("here")
	dir := folder(t, map[string]string{"data": strings.Repeat("0123456789abcdef", 5<<16)})
	var notices []string
	submit := func() {
		t.Helper()
		s := sh("wc -c < data")
		s.WorkingDir, s.OnNotice = dir, func(text string) { notices = append(notices, text) }
		job := c.ends(c.submit(s).ID, Succeeded)
		if got := strings.TrimSpace(c.log(job.ID)); got != "5242880" {
			t.Errorf("%q bytes", got)
		}
	}
	submit()
	submit()
	if len(notices) != 1 || notices[0] != "sending 1 file, 5 MiB" {
		t.Error(notices)
	}
	s := sh("sleep 1000")
	s.WorkingDir = dir
	blocks := c.submit(s)
	s.WorkingDir = folder(t, map[string]string{"data": strings.Repeat("x", 8<<20)})
	if _, err := c.Submit(c.context(), s); err == nil || !strings.Contains(err.Error(), "no room for 8 MiB") {
		t.Error(err)
	}
	if _, err := c.Stop(c.context(), blocks.ID); err != nil {
		t.Fatal(err)
	}
	c.ends(blocks.ID, Stopped)
}

// TestMemoryOfJobs: what all processes of a job hold counts, and one that holds more than it asked for ends.
func TestMemoryOfJobs(t *testing.T) {
	c := startCluster(t)
	c.join("here", func(c *node.Config) { c.Resources.Memory = 1 << 30 })
	hold := "x=$(yes | head -c 100000000); sleep 1000"
	file := filepath.Join(t.TempDir(), "pids")
	s := sh("sh -c 'echo $$ >> %[1]s; %[2]s' & setsid sh -c 'echo $$ >> %[1]s; %[2]s' & wait", file, hold)
	s.Memory = 64 << 20
	job := c.submit(s)
	all := pids(t, file, 2)
	job = c.ends(job.ID, Failed)
	if !strings.Contains(job.Message, "out of memory: its processes held ") || !strings.Contains(job.Message, "submitted with 64 MiB") || job.ExitCode != nil {
		t.Errorf("%+v", job)
	}
	gone(t, all)
	s = sh("true")
	s.Memory = 64 << 20
	c.ends(c.submit(s).ID, Succeeded)
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

func TestSingleFile(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	script := filepath.Join(folder(t, map[string]string{"only.sh": "#!/bin/sh\nls -A\n", "other": ""}), "only.sh")
	job := c.submit(Spec{Entrypoint: []string{"./only.sh"}, Files: []string{script}, Grace: time.Second})
	c.ends(job.ID, Succeeded)
	if got := c.log(job.ID); got != "only.sh\n" {
		t.Error(got)
	}
}
