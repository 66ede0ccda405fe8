//go:build unix

package node

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// startNode starts a node of two CPUs with the test binary as its workers. At its end nothing is left.
func startNode(t *testing.T, change func(*Config)) *Node {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	c := Config{Starter: Processes{}, Resources: cpus(2), Name: "here"}
	if change != nil {
		change(&c)
	}
	n, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var pids []int
		for _, w := range n.workerInfos() {
			if w.PID != n.pid && w.PID != 0 {
				pids = append(pids, w.PID)
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("worker process %d is there: %v", pid, err)
			}
		}
		if _, err := os.Stat(n.dir.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("its directory: %v", err)
		}
		eventually.Holds(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	})
	return n
}

// patience bounds the wait for what must come.
const patience = 20 * time.Second

// driverHello is the handshake of a driver whose workers are the test binary.
func driverHello(job id.Job, env ...string) frame.Hello {
	list, err := json.Marshal(env)
	if err != nil {
		panic(err)
	}
	return frame.Hello{Role: wire.RoleDriver, PID: os.Getpid(), Values: map[string]string{
		wire.ValueJob: job.String(), wire.ValueProgram: "test", wire.ValuePath: os.Args[0], wire.ValueArgs: `["-test.run=^$"]`, wire.ValueEnv: string(list),
	}}
}

func oneSlot(number uint64, job id.Job) wire.LeaseRequest {
	return wire.LeaseRequest{Request: number, Job: job, Slots: 1, Class: wire.Class{Program: "test", Resources: oneCPU}}
}

func TestLeaseOnAWorkerProcess(t *testing.T) {
	n := startNode(t, nil)
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job, "FROM_DRIVER=yes"))
	f.request(oneSlot(1, job))
	g := expect[wire.LeaseGrant](f)
	if g.PID == os.Getpid() || g.PID == 0 || g.Slots != 1 {
		t.Errorf("%+v", g)
	}
	for variable, want := range map[string]string{
		"FROM_DRIVER": "yes", wire.EnvNode: n.Address(), wire.EnvWorker: g.Worker.String(), wire.EnvClass: `{"Program":"test"}`,
	} {
		if got := tell(t, g.Address, "env %s", variable); got != want {
			t.Errorf("%s is %q, want %q", variable, got, want)
		}
	}
	if got := tell(t, g.Address, "env GODEBUG"); !strings.HasSuffix(got, "tracebacklabels=1") {
		t.Errorf("GODEBUG is %q", got)
	}
	f.giveBack(g.Lease)
	f.request(wire.LeaseRequest{Request: 2, Job: job, Slots: 1, Class: wire.Class{Program: "test", Isolated: true, Resources: oneCPU}})
	own := expect[wire.LeaseGrant](f)
	if own.Worker == g.Worker {
		t.Error("an isolated task shares a worker")
	}
	f.giveBack(own.Lease)
	eventually.Holds(t, "its worker ends", func() bool { return errors.Is(syscall.Kill(own.PID, 0), syscall.ESRCH) })
}

func TestDevices(t *testing.T) {
	n := startNode(t, func(c *Config) {
		c.Resources.GPU = sched.Whole(2)
		c.Devices = []sched.Device{{ID: "GPU-a"}, {ID: "GPU-b"}}
	})
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	for i, want := range []string{"GPU-a", "GPU-b"} {
		f.request(wire.LeaseRequest{Request: uint64(i), Job: job, Slots: 1, Class: wire.Class{Program: "test", Resources: map[string]float64{"gpu": 1}}})
		if g := expect[wire.LeaseGrant](f); g.Devices[0] != want || tell(t, g.Address, "env CUDA_VISIBLE_DEVICES") != want {
			t.Errorf("%+v", g)
		}
	}
	f.request(oneSlot(7, job))
	if got := tell(t, expect[wire.LeaseGrant](f).Address, "env CUDA_VISIBLE_DEVICES"); got != "" {
		t.Errorf("a task without GPU sees %q", got)
	}
}

func TestEndsOfWorkers(t *testing.T) {
	task := id.New[id.Task]()
	tests := []struct {
		name, line, reason string
		culprit            bool
		output             string
	}{
		{"stack overflow", "crash stack " + task.String(), "stack overflow: endless recursion, or a stack of more than 256 KB", true, "recurse"},
		{"concurrent map writes", "crash map " + task.String(), "fatal error: concurrent map writes", true, "crashAs"},
		{"nil", "crash nil " + task.String(), "panic: runtime error: invalid memory address or nil pointer dereference", true, "crashAs"},
		{"exit", "exit 3", "exited with status 3", false, ""},
		{"no crash", "crash print x", "exited with status 0", false, "only a word"},
		{"hangup", "hangup", "its connection to the node has broken", false, ""},
		{"kill", "", "killed (signal 9)", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := startNode(t, func(c *Config) { c.StopGrace = 300 * time.Millisecond })
			job := id.New[id.Job]()
			env := []string{}
			if tt.name == "hangup" {
				env = append(env, "NODE_TEST_STAY=yes")
			}
			f := connect(t, n.Address(), driverHello(job, env...))
			f.request(oneSlot(1, job))
			g := expect[wire.LeaseGrant](f)
			if tt.line == "" {
				if err := syscall.Kill(g.PID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			} else {
				tell(t, g.Address, "%s", tt.line)
			}
			m := expect[wire.WorkerExited](f)
			if m.Worker != g.Worker || len(m.Leases) != 1 || m.Leases[0] != g.Lease || m.OutOfMemory {
				t.Errorf("%+v", m)
			}
			if !strings.HasPrefix(m.Reason, tt.reason) || !strings.Contains(m.Output, tt.output) {
				t.Errorf("reason %q, output %q", m.Reason, m.Output)
			}
			if tt.culprit != (len(m.Culprits) == 1) || tt.culprit && m.Culprits[0] != task {
				t.Errorf("culprits %v, want %v", m.Culprits, task)
			}
			if tt.name == "hangup" {
				return // the next would hang as well
			}
			f.request(oneSlot(2, job))
			if again := expect[wire.LeaseGrant](f); again.Worker == g.Worker {
				t.Error("the ended worker is granted again")
			}
		})
	}
}

func TestWorkersThatCannotStart(t *testing.T) {
	tests := []struct{ name, env, want string }{
		{"exit", "NODE_TEST_START=exit", "status 3\ncannot start"},
		{"hang", "NODE_TEST_START=hang", "it was not ready within 100ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := startNode(t, func(c *Config) { c.ReadyTimeout = 100 * time.Millisecond })
			job := id.New[id.Job]()
			f := connect(t, n.Address(), driverHello(job, tt.env))
			f.request(oneSlot(1, job))
			m := expect[wire.LeaseRefused](f)
			if m.Infeasible || !strings.Contains(m.Reason, tt.want) {
				t.Errorf("%+v", m)
			}
		})
	}
	n := startNode(t, nil)
	f := connect(t, n.Address(), frame.Hello{Role: wire.RoleDriver})
	f.request(oneSlot(1, id.Job{}))
	if m := expect[wire.LeaseRefused](f); m.Infeasible || !strings.Contains(m.Reason, "not registered") {
		t.Errorf("%+v", m)
	}
}

func TestOutput(t *testing.T) {
	n := startNode(t, nil)
	job, other := id.New[id.Job](), id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	g := connect(t, n.Address(), driverHello(other))
	f.request(oneSlot(1, job))
	grant := expect[wire.LeaseGrant](f)
	tell(t, grant.Address, "print hello")
	streams := map[string]string{}
	for range 2 {
		m := expect[wire.Log](f)
		streams[m.Stream] = m.Text
		if m.Worker != grant.Worker || m.PID != grant.PID || m.Job != job || !m.Task.IsZero() {
			t.Errorf("%+v", m)
		}
	}
	if streams[streamOut] != "hello\n" || streams[streamError] != "hello\n" {
		t.Errorf("%q", streams)
	}
	text, err := os.ReadFile(filepath.Join(n.dir.path, logsName, "worker-"+grant.Worker.String()+".log"))
	if err != nil || string(text) != "hello\nhello\n" {
		t.Errorf("%q, %v", text, err)
	}
	nested := connect(t, n.Address(), driverHello(other)) // as a worker submits tasks for the job
	tell(t, grant.Address, "log %s of-a-task", other)     // the worker routes by job
	if m := expect[wire.Log](g); m.Text != "of-a-task" {
		t.Errorf("%+v", m)
	}
	eventually.Holds(t, "all are there", func() bool { return len(n.clientInfos()) == 4 })
	g.close()
	eventually.Holds(t, "the other one is left", func() bool { return len(n.clientInfos()) == 3 })
	tell(t, grant.Address, "log %s once-more", other)
	if m := expect[wire.Log](nested); m.Text != "once-more" {
		t.Errorf("%+v", m)
	}
}

func TestIdleWorkersOfDriversThatLeft(t *testing.T) {
	n := startNode(t, func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	f.request(oneSlot(1, job))
	pid := expect[wire.LeaseGrant](f).PID
	f.close()
	eventually.Holds(t, "the worker ends", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	eventually.Holds(t, "all is forgotten", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.clients)+len(n.procs)+len(n.programs)+len(n.drivers)+len(n.book.leases)+len(n.book.workers) == 0
	})
}

func TestNestedRequestsOfWorkers(t *testing.T) {
	n := startNode(t, func(c *Config) { c.Resources = cpus(1) })
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	f.request(oneSlot(1, job))
	parent := expect[wire.LeaseGrant](f)
	child := oneSlot(1, job)
	child.Depth = 1
	g := connect(t, n.Address(), frame.Hello{Role: wire.RoleDriver, Values: map[string]string{}}) // stands for the worker's own requests
	g.request(child)
	if m := expect[wire.LeaseID](f); m.Lease != parent.Lease {
		t.Errorf("asked back: %+v", m)
	}
	tell(t, parent.Address, "block %s", parent.Lease)
	nested := expect[wire.LeaseGrant](g)
	tell(t, parent.Address, "resume %s", parent.Lease)
	eventually.Holds(t, "more tasks than processors", func() bool { return n.info().Free.CPU == -sched.One })
	g.giveBack(nested.Lease)
	eventually.Holds(t, "one task", func() bool { return n.info().Free.CPU == 0 })
}

func TestQueries(t *testing.T) {
	n := startNode(t, func(c *Config) { c.Version, c.Labels = "1.2", map[string]string{"zone": "eu"} })
	job, task := id.New[id.Job](), id.New[id.Task]()
	f := connect(t, n.Address(), driverHello(job))
	f.request(oneSlot(1, job))
	grant := expect[wire.LeaseGrant](f)
	events := wire.Events{Job: job, List: []wire.TaskEvent{{Task: task, Name: "f", State: wire.TaskRunning, Nanos: 7, Attempt: 1}}}
	if err := f.c.Send(wire.KindEvents, events.Append); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"node":         `"version":"1.2"`,
		"workers":      grant.Worker.String(),
		"leases":       grant.Lease.String(),
		"clients":      `"role":"driver"`,
		"tasks":        `"name":"f","state":"running","attempt":1`,
		"task-summary": `[{"name":"f","state":"running","tasks":1}]`,
	} {
		if err := f.c.Send(wire.KindQuery, wire.JSON(wire.Query{Request: 3, What: what})); err != nil {
			t.Fatal(err)
		}
		if a := expect[wire.Answer](f); a.Error != "" || a.Request != 3 || !strings.Contains(string(a.Data), want) {
			t.Errorf("%s: %+v, %s", what, a.Error, a.Data)
		}
	}
	if err := f.c.Send(wire.KindQuery, wire.JSON(wire.Query{What: "weather"})); err != nil {
		t.Fatal(err)
	}
	if a := expect[wire.Answer](f); !strings.Contains(a.Error, "weather") {
		t.Errorf("%+v", a)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	n := startNode(t, nil)
	for name, hello := range map[string]frame.Hello{
		"role":     {Role: "head"},
		"worker":   {Role: wire.RoleWorker, Values: map[string]string{wire.ValueWorker: id.New[id.Worker]().String()}},
		"no id":    {Role: wire.RoleWorker},
		"job":      {Role: wire.RoleDriver, Values: map[string]string{wire.ValueJob: "x"}},
		"program":  {Role: wire.RoleDriver, Values: map[string]string{wire.ValueProgram: "x", wire.ValueArgs: "{"}},
		"nonsense": {Role: wire.RoleCLI},
	} {
		t.Run(name, func(t *testing.T) {
			f := connect(t, n.Address(), hello)
			if name == "nonsense" {
				f.request(oneSlot(1, id.Job{})) // command lines only ask
			}
			<-f.ended
			if name == "nonsense" {
				return
			}
			if a, ok := (<-f.inbox).(wire.Answer); !ok || a.Error == "" {
				t.Errorf("it is not told why: %+v", a)
			}
		})
	}
}

func TestInProcessWorkers(t *testing.T) {
	n := startNode(t, func(c *Config) {
		c.Starter = Function(func(ctx context.Context, spec WorkerSpec) error {
			return testWorker(ctx, spec.Node, spec.Dir, spec.Worker)
		})
	})
	job := id.New[id.Job]()
	f := connect(t, n.Address(), frame.Hello{Role: wire.RoleDriver, Values: map[string]string{wire.ValueJob: job.String()}})
	m := oneSlot(1, job)
	m.Class.Isolated = true
	f.request(m)
	g := expect[wire.LeaseGrant](f)
	if g.PID != os.Getpid() {
		t.Errorf("%+v", g)
	}
	f.giveBack(g.Lease)
	eventually.Holds(t, "it ends with its lease", func() bool { return len(n.workerInfos()) == 0 })
}
