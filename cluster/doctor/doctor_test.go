package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/golden"
	"mobula/internal/sysmem"
)

// dirInfo is a directory, or a file, with permissions.
type dirInfo struct {
	fs.FileInfo
	mode fs.FileMode
}

func (d dirInfo) IsDir() bool       { return d.mode.IsDir() }
func (d dirInfo) Mode() fs.FileMode { return d.mode }

func TestJudgements(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	after := began.Add(100 * time.Millisecond)
	broken := errors.New("it is broken")
	golden.Compare(t, "testdata/findings.txt", Text([]Finding{
		judgeMemory(sysmem.Memory{Total: 8 << 30, Available: 4 << 30}, nil),
		judgeMemory(sysmem.Memory{Total: 8 << 30, Available: 4 << 20}, nil),
		judgeMemory(sysmem.Memory{}, sysmem.ErrUnknown),
		judgeShared(nil), judgeShared(broken),
		judgeFiles(65536, nil), judgeFiles(256, nil), judgeFiles(0, broken),
		judgeDir("/run/user/1000", dirInfo{mode: fs.ModeDir | 0o700}, nil), judgeDir("/run/user/1000", dirInfo{}, nil),
		judgeDir("/run/"+strings.Repeat("x", 80), dirInfo{mode: fs.ModeDir}, nil), judgeDir("/run/user/1000", nil, fs.ErrNotExist),
		judgeGo("go1.26.8", nil), judgeGo("", errors.New("install Go 1.26")),
		judgeToken("token", dirInfo{mode: 0o600}, nil), judgeToken("token", dirInfo{mode: 0o644}, nil), judgeToken("token", nil, fs.ErrNotExist),
		judgePort("10.0.0.1:10001", nil), judgePort("10.0.0.1:10001", syscall.ECONNREFUSED), judgePort("10.0.0.1:10001", context.DeadlineExceeded),
		judgeNode("/run/node.sock", nil), judgeNode("/run/node.sock", broken), judgeHead(nil), judgeHead(broken),
		judgeVersions("0.1.0", "0.1.0"), judgeVersions("0.1.0", "0.2.0"), judgeVersions("1.0.0", "0.2.0"), judgeVersions("", "0.2.0"),
		judgeClock(began, began, after), judgeClock(began.Add(-time.Minute), began, after), judgeClock(began.Add(time.Hour), began, after),
		judgeNodes([]headwire.NodeInfo{{State: "alive"}, {State: "dead"}}),
		judgeNodes([]headwire.NodeInfo{{State: "alive"}, {State: "suspect", Reason: "no word for 4s", NodeHello: headwire.NodeHello{Name: "b"}}}),
		judgeDemand(nil),
		judgeDemand([]headwire.WaitingDemand{{Resources: sched.Resources{GPU: sched.One}, Slots: 2, Reason: "2 of 2 GPUs are in use"}}),
	}))
	if text := Text([]Finding{judgeHead(nil)}); !strings.HasSuffix(text, "All is well.\n") {
		t.Error(text)
	}
}

// TestExamine looks at a real cluster, and at one that has ended.
func TestExamine(t *testing.T) {
	ctx := t.Context()
	h, err := head.Start(context.WithoutCancel(ctx), head.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Version: "0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(context.WithoutCancel(ctx), node.Config{
		Name: "here", Resources: sched.Resources{CPU: sched.One}, Head: &node.HeadConfig{Dial: h.Dial, Listen: "127.0.0.1:0"},
		Starter: node.Function(func(ctx context.Context, _ node.WorkerSpec) error { <-ctx.Done(); return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{Socket: n.Address(), Head: h.Address(), Token: token, Version: "0.1.0", Go: func(context.Context) (string, error) { return "go1.26", nil }}
	checks := map[string]Grade{}
	for _, f := range Examine(ctx, c) {
		checks[f.Check] = max(checks[f.Check], f.Grade)
	}
	for _, check := range []string{"node", "head", "versions", "clock", "nodes", "queue", "port", "credentials", "Go toolchain", "shared memory"} {
		if grade, made := checks[check]; !made || grade != Good {
			t.Errorf("%s: made %v, %v", check, made, grade)
		}
	}
	if err := errors.Join(n.Close(), h.Close()); err != nil {
		t.Error(err)
	}
	if text := Text(Examine(ctx, c)); !strings.Contains(text, "problem  node") || !strings.Contains(text, "problem  port") {
		t.Error(text)
	}
}
