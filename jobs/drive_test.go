//go:build linux

package jobs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mobula"
	"mobula/cluster/headwire"
	"mobula/internal/eventually"
)

// drive is a program that is run as a job: its tasks and actors write their processes to a file, and it waits.
func drive() {
	file := os.Getenv("JOBS_TEST_DRIVER")
	note := func() {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		_ = f.Close()
	}
	note()
	count := mobula.NewActor(func() *int { note(); return new(int) }, mobula.Name("goes"))
	kept := mobula.NewActor(func() *int { note(); return new(int) }, mobula.Name("stays"), mobula.Detached(), mobula.Namespace("kept"))
	fmt.Println("calls", mobula.Call(count, func(n *int) int { *n++; return *n }).Value(), mobula.Call(kept, func(n *int) int { *n++; return *n }).Value())
	mobula.Go(func() int { note(); select {} }, mobula.Isolated(), mobula.CPU(0)).Value()
}

func driver(t *testing.T) (Spec, string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pids")
	return Spec{Entrypoint: []string{exe}, Env: map[string]string{"JOBS_TEST_DRIVER": file}}, file
}

// TestDriverOfAJob: the jobs that a submitted job's processes connect as are its drivers, and end with it, but for what is detached.
func TestDriverOfAJob(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	spec, file := driver(t)
	job := c.submit(spec)
	processes := pids(t, file, 4)
	job = c.becomes(job.ID, "its driver is known", func(j Job) bool { return len(j.Attempts) == 1 && len(j.Attempts[0].Drivers) == 1 })
	drivers, err := headwire.Ask(c.context(), c.caller, headwire.ListJobs, headwire.None{})
	if err != nil || len(drivers) != 1 || drivers[0].ID != job.Attempts[0].Drivers[0] || drivers[0].Submission != job.ID || drivers[0].State != "running" {
		t.Fatalf("%+v, %v", drivers, err)
	}
	if got := c.log(job.ID); !strings.Contains(got, "calls 1 1\n") {
		t.Error(got)
	}
	if _, err := c.Stop(c.context(), job.ID); err != nil {
		t.Fatal(err)
	}
	job = c.ends(job.ID, Stopped)
	if !strings.HasPrefix(job.Message, "stopped: killed by signal 15") {
		t.Error(job.Message)
	}
	eventually.Holds(t, "its tasks and actors end, but for the detached one", func() bool {
		left := 0
		for _, pid := range processes {
			if lives(pid) {
				left++
			}
		}
		return left == 1
	})
	actors, err := headwire.Ask(c.context(), c.caller, headwire.ListActors, headwire.None{})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, a := range actors {
		states[a.Name] = a.State
	}
	if states["goes"] != "dead" || states["stays"] != "alive" {
		t.Error(states)
	}
	if drivers, err = headwire.Ask(c.context(), c.caller, headwire.ListJobs, headwire.None{}); err != nil || drivers[0].State != "stopped" {
		t.Errorf("%+v, %v", drivers, err)
	}
}

// TestDriverThatLeavesItsJob: a program that goes to the background does not outlive the job that has started it.
func TestDriverThatLeavesItsJob(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	spec, file := driver(t)
	spec.Entrypoint = []string{"sh", "-c", "setsid " + spec.Entrypoint[0] + " & while ! [ -e " + file + " ] || [ $(wc -l < " + file + ") -lt 4 ]; do sleep 0.05; done"}
	job := c.submit(spec)
	processes := pids(t, file, 4)
	c.ends(job.ID, Succeeded)
	eventually.Holds(t, "its processes end, but for the detached actor's", func() bool {
		left := 0
		for _, pid := range processes {
			if lives(pid) {
				left++
			}
		}
		return left == 1
	})
}

func ExampleClient_Submit() {
	ctx := context.Background()
	c, err := Connect(ctx, Config{Address: "10.0.0.1:10001", Token: "user-token"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	job, err := c.Submit(ctx, Spec{Entrypoint: []string{"./train", "-epochs", "3"}, WorkingDir: "build", GPUs: 1, Outputs: []string{"model.bin"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for part, err := range c.Logs(ctx, job.ID, LogOptions{Follow: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(string(part.Text))
	}
	if job, err = c.Wait(ctx, job.ID); err == nil && job.ExitCode != nil {
		fmt.Println(job.State, strconv.Itoa(*job.ExitCode))
	}
}
