package core

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula"
)

const envRole = "MOBULA_TEST_ROLE" // of a process that a test starts

func TestMain(m *testing.M) {
	if os.Getenv(envRole) == "node" {
		beNode()
		return
	}
	if os.Getenv(envRole) == "driver" {
		drive()
		return
	}
	os.Exit(m.Run())
}

// drive is a program that is killed: it says who its workers are, and works on.
func drive() {
	ctx := context.Background()
	if err := mobula.Connect(ctx, mobula.Config{CPUs: 2}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := mobula.All(ctx, mobula.Map([]int{1, 2, 3, 4}, burn)); err != nil {
		fmt.Println(err)
		return
	}
	r := mobula.Go(func() int { // has a child of its own
		if err := exec.Command("sleep", "1000").Run(); err != nil {
			return 1
		}
		return 0
	}, mobula.Isolated())
	for {
		workers, err := mobula.Workers(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		starting := func(w mobula.Worker) bool { return w.PID == 0 }
		if len(workers) >= 2 && !r.Ready() && !slices.ContainsFunc(workers, starting) {
			text, _ := json.Marshal(workers)
			fmt.Println(string(text))
			break
		}
	}
	select {}
}

// TestDriverIsKilled: with the program that has an embedded cluster end its workers, and what they have started; its directory is removed
// by the next one.
func TestDriverIsKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"=driver", "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var workers []mobula.Worker
	if err != nil || json.Unmarshal([]byte(line), &workers) != nil {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for _, w := range workers {
		await(t, fmt.Sprintf("worker %d ends", w.PID), func() string {
			if err := syscall.Kill(w.PID, 0); !errors.Is(err, syscall.ESRCH) && !isZombie(w.PID) {
				return fmt.Sprint("it lives: ", err)
			}
			return ""
		})
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) == 0 {
		t.Fatal("the killed program left nothing, so this test cannot show that it is removed")
	}
	t.Setenv("TMPDIR", dir)
	connect(t, mobula.Config{CPUs: 1})
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}

// TestIsolatedTaskIsKilled: the error of a task that has no attempt left says how its process ended.
func TestIsolatedTaskIsKilled(t *testing.T) {
	connect(t, mobula.Config{CPUs: 2})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	suicide := func() int {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	start := time.Now()
	_, err := mobula.Go(suicide, mobula.Isolated(), mobula.Retries(2), mobula.Name("suicide")).Get(ctx)
	died, ok := errors.AsType[*mobula.WorkerDiedError](err)
	if !ok || died.Attempts != 3 || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestNodeEnds: everything fails at once, and says so.
func TestNodeEnds(t *testing.T) {
	connect(t, mobula.Config{CPUs: 1})
	r := mobula.Try(forever)
	a := newCounter(1)
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := mobula.Close(); err != nil {
		t.Fatal(err)
	}
	for _, get := range []func() (int, error){
		func() (int, error) { return r.Get(t.Context()) },
		func() (int, error) { return mobula.Call(a, increment).Get(t.Context()) },
	} {
		if _, err := get(); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
}
