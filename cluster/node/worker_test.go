//go:build unix

package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// TestMain lets the test binary stand for a worker, and for a node that is killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(wire.EnvWorker) != "":
		debug.SetMaxStack(256 << 10)
		worker, err := id.Parse[id.Worker](os.Getenv(wire.EnvWorker))
		if err == nil {
			err = testWorker(context.Background(), os.Getenv(wire.EnvNode), filepath.Dir(os.Getenv(wire.EnvNode)), worker)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case os.Getenv("NODE_TEST_SERVE") != "":
		serveUntilKilled()
	}
	os.Exit(m.Run())
}

// testWorker joins a node and does what the lines say that it gets on its socket.
func testWorker(ctx context.Context, node, dir string, worker id.Worker) error {
	switch os.Getenv("NODE_TEST_START") {
	case "real":
		return realWorker(worker)
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot start")
		os.Exit(3)
	case "hang":
		select {}
	}
	stream, err := net.Dial("unix", node)
	if err != nil {
		return err
	}
	c := frame.New(stream)
	defer c.Abort()
	_, _, err = c.Handshake(ctx, frame.Hello{Role: wire.RoleWorker, PID: os.Getpid(), Values: map[string]string{wire.ValueWorker: worker.String()}})
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(dir, worker.Short()+".sock"))
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			s, err := l.Accept()
			if err != nil {
				return
			}
			go obey(ctx, c, worker, s)
		}
	}()
	if err := c.Send(wire.KindWorkerReady, wire.JSON(wire.WorkerReady{Worker: worker, Address: l.Addr().String()})); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.Abort)
	defer stop()
	err = c.Serve(func(byte, []byte) error { return nil })
	if os.Getenv("NODE_TEST_STAY") != "" {
		select {}
	}
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return nil
	}
	return err
}

// held is what lines have made a worker process hold.
var held [][]byte

// obey does what the lines say.
func obey(ctx context.Context, c *frame.Conn, worker id.Worker, s net.Conn) {
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	for lines := bufio.NewScanner(s); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 1 {
			words = append(words, "")
		}
		switch words[0] {
		case "crash":
			go crashAs(words[1], words[2])
		case "exit":
			code, _ := strconv.Atoi(words[1])
			os.Exit(code)
		case "hangup":
			c.Abort()
		case "print":
			fmt.Println(words[1])
			fmt.Fprintln(os.Stderr, words[1])
		case "env":
			fmt.Fprintln(s, os.Getenv(words[1]))
			continue
		case "log":
			job, _ := id.Parse[id.Job](words[1])
			_ = c.Send(wire.KindLog, wire.JSON(wire.Log{Job: job, Worker: worker, Stream: streamOut, Text: words[2]}))
		case "spawn":
			child := exec.Command("sleep", "1000")
			if err := child.Start(); err == nil {
				fmt.Fprintln(s, child.Process.Pid)
			}
			continue
		case "hold":
			mb, _ := strconv.Atoi(words[1])
			held = append(held, bytes.Repeat([]byte{1}, mb<<20))
		case "block", "resume":
			lease, _ := id.Parse[id.Lease](words[1])
			kind := wire.KindSlotBlocked
			if words[0] == "resume" {
				kind = wire.KindSlotResumed
			}
			_ = c.Send(kind, wire.JSON(wire.LeaseID{Lease: lease}))
		}
		fmt.Fprintln(s, "done")
	}
}

//go:noinline
func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return recurse(n+1) + 1
}

// crashAs ends the process as a task's code would.
func crashAs(how, task string) {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels(taskLabel, task))
	pprof.SetGoroutineLabels(ctx)
	switch how {
	case "stack":
		_ = recurse(1)
	case "map":
		shared := map[int]int{}
		for range 4 {
			go func() {
				for i := 0; ; i++ {
					shared[i&7] = i
				}
			}()
		}
	case "nil":
		var p *int
		*p = 1
	case "print": // looks like a crash, and is none
		fmt.Fprintln(os.Stderr, "panic: only a word")
		os.Exit(0)
	}
}

// fake is a client of a node.
type fake struct {
	t       testing.TB
	c       *frame.Conn
	inbox   chan any
	ended   chan struct{}
	pending []any
}

// connect makes a client. Its messages are taken with expect.
func connect(t testing.TB, address string, hello frame.Hello) *fake {
	t.Helper()
	stream, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, c: frame.New(stream), inbox: make(chan any, 100_000), ended: make(chan struct{})}
	if _, _, err := f.c.Handshake(t.Context(), hello); err != nil {
		f.c.Abort()
		close(f.ended) // refused
		return f
	}
	go func() {
		defer close(f.ended)
		_ = f.c.Serve(f.take)
	}()
	t.Cleanup(f.close)
	return f
}

func (f *fake) close() {
	f.c.Abort()
	<-f.ended
}

func (f *fake) take(kind byte, body []byte) (err error) {
	var m any
	switch kind {
	case wire.KindLeaseGrant:
		m, err = wire.ParseJSON[wire.LeaseGrant](body)
	case wire.KindLeaseRefused:
		m, err = wire.ParseJSON[wire.LeaseRefused](body)
	case wire.KindLeasePending:
		m, err = wire.ParseJSON[wire.LeasePending](body)
	case wire.KindLeaseReclaim:
		m, err = wire.ParseJSON[wire.LeaseID](body)
	case wire.KindWorkerExited:
		m, err = wire.ParseJSON[wire.WorkerExited](body)
	case wire.KindLog:
		m, err = wire.ParseJSON[wire.Log](body)
	case wire.KindAnswer:
		m, err = wire.ParseJSON[wire.Answer](body)
	}
	if err == nil {
		f.inbox <- m
	}
	return err
}

// expect waits for the next message of a type; others are kept.
func expect[M any](f *fake) M {
	f.t.Helper()
	for i, m := range f.pending {
		if m, ok := m.(M); ok {
			f.pending = append(f.pending[:i], f.pending[i+1:]...)
			return m
		}
	}
	timeout := time.After(20 * time.Second)
	for {
		select {
		case m := <-f.inbox:
			if m, ok := m.(M); ok {
				return m
			}
			f.pending = append(f.pending, m)
		case <-f.ended:
			f.t.Fatal("the connection has ended")
		case <-timeout:
			var want M
			f.t.Fatalf("no %T came; %+v did", want, f.pending)
		}
	}
}

func (f *fake) request(m wire.LeaseRequest) {
	f.t.Helper()
	if err := f.c.Send(wire.KindLeaseRequest, wire.JSON(m)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) giveBack(lease id.Lease) {
	f.t.Helper()
	if err := f.c.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: lease})); err != nil {
		f.t.Fatal(err)
	}
}

// tell sends a line to a worker and returns its answer.
func tell(t *testing.T, address, format string, args ...any) string {
	t.Helper()
	s, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(s, text)
	line, err := bufio.NewReader(s).ReadString('\n')
	if err != nil && !strings.HasPrefix(text, "hold") && !strings.HasPrefix(text, "exit") && !strings.HasPrefix(text, "crash") {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
