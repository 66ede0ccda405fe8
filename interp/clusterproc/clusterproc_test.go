package clusterproc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mobula/internal/eventually"
	"mobula/interp/clusterproc"
)

// envChild makes the test binary a child that behaves in one of several ways.
const envChild = "CLUSTERPROC_TEST"

func TestMain(m *testing.M) {
	switch way := os.Getenv(envChild); way {
	case "":
		os.Exit(m.Run())
	case "refuses":
		fmt.Fprintln(os.Stderr, "joining\nmobula: start: no head answers\nRun  mobula start --help  for how it is used.")
		os.Exit(2)
	case "dies":
		fmt.Fprintln(os.Stderr, "first words\nlast words")
		os.Exit(3)
	case "lingers":
		<-time.After(20 * time.Second)
	default:
		fmt.Fprintln(os.Stderr, way, os.Getenv(clusterproc.EnvToken))
		fmt.Printf("{\"address\": \"/a/socket\", \"node\": \"%s\", \"head\": \"host:1\", \"join\": \"secret\", \"pid\": %d}\n", way, os.Getpid())
		_, _ = io.Copy(io.Discard, os.Stdin) // until it ends
		switch way {
		case "hangs":
			<-time.After(time.Hour)
		case "leaves": // a process that holds its stderr
			left := exec.Command(os.Args[0])
			left.Env, left.Stderr = append(os.Environ(), envChild+"=lingers"), os.Stderr
			if err := left.Start(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}
}

func start(t *testing.T, way string) (*clusterproc.Cluster, error) {
	t.Helper()
	return clusterproc.Start(t.Context(), clusterproc.Config{Command: []string{os.Args[0]}, Env: append(os.Environ(), envChild+"="+way)})
}

func TestLife(t *testing.T) {
	for _, way := range []string{"works", "hangs", "leaves"} {
		c, err := start(t, way)
		if err != nil {
			t.Fatal(err)
		}
		if c.Address() != "/a/socket" || c.Err() != nil {
			t.Error(way, c.Address(), c.Err())
		}
		began := time.Now()
		if err := c.Close(); err != nil || c.Err() == nil {
			t.Error(way, err, c.Err())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: its end took %v", way, took)
		}
	}
}

func TestFailures(t *testing.T) {
	if _, err := start(t, "dies"); err == nil || !strings.Contains(err.Error(), "last words") {
		t.Error(err)
	}
	if _, err := clusterproc.Start(t.Context(), clusterproc.Config{}); err == nil || !strings.Contains(err.Error(), "%cluster connect") {
		t.Error(err)
	}
}

func TestKilled(t *testing.T) {
	c, err := start(t, "works")
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(c.PID())
	if err := errors.Join(err, p.Kill()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("its end is not noticed")
	}
	if !strings.Contains(c.Err().Error(), "killed") {
		t.Error(c.Err())
	}
}

// TestWhyItEnded: the line with the reason stands in the error, all that was said beside it.
func TestWhyItEnded(t *testing.T) {
	_, err := clusterproc.Start(t.Context(), clusterproc.Config{Command: []string{os.Args[0]}, Env: append(os.Environ(), envChild+"=refuses")})
	ended, ok := errors.AsType[*clusterproc.EndedError](err)
	if !ok || ended.Why != "start: no head answers" || !strings.HasPrefix(ended.Said, "joining\n") || !strings.HasSuffix(err.Error(), ended.Why) {
		t.Errorf("%+v, %v", ended, err)
	}
}

// TestNodesComeAndGo: further nodes join with the token in their environment, and the last goes first.
func TestNodesComeAndGo(t *testing.T) {
	conf := clusterproc.Config{Command: []string{os.Args[0]}, Env: append(os.Environ(), envChild+"=works")}
	conf.NodeCommand = func(head string) ([]string, error) {
		if head != "host:1" {
			return nil, errors.New("unknown head " + head)
		}
		return []string{os.Args[0]}, nil
	}
	c, err := clusterproc.Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Grow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.Nodes() != 3 {
		t.Errorf("%d nodes", c.Nodes())
	}
	eventually.Holds(t, "both nodes have the token", func() bool { return strings.Count(c.Log(), "works secret\n") == 2 })
	broken := errors.New("it is busy")
	if err := c.Shrink(t.Context(), func(context.Context, string) error { return broken }); !errors.Is(err, broken) || c.Nodes() != 3 {
		t.Errorf("%v, %d nodes", err, c.Nodes())
	}
	drained := ""
	if err := c.Shrink(t.Context(), func(_ context.Context, node string) error { drained = node; return nil }); err != nil || drained != "works" || c.Nodes() != 2 {
		t.Errorf("%v, %q, %d nodes", err, drained, c.Nodes())
	}
	if err := c.Close(); err != nil || c.Nodes() != 1 {
		t.Errorf("%v, %d nodes", err, c.Nodes())
	}
}
