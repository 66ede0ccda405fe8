package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mobula/cluster/gpu"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/crash"
)

// execute runs the entrypoint of an attempt to its end, and ends all that it has started.
func (n *Node) execute(r *run) (crash.End, error) {
	n.mu.Lock()
	hasGPUs := len(n.book.ledger.Pool().Devices) > 0
	n.mu.Unlock()
	env, err := n.runEnv(os.Environ(), r, hasGPUs)
	if err != nil {
		return crash.End{}, err
	}
	program, err := n.findProgram(r.spec.Entrypoint[0], r.dir, env)
	if err != nil {
		return crash.End{}, err
	}
	cmd := &exec.Cmd{Path: program, Args: r.spec.Entrypoint, Env: env, Dir: r.dir, SysProcAttr: sysProcAttr()}
	out, in, err := os.Pipe() // one for both streams: so their order stays
	if err != nil {
		return crash.End{}, fmt.Errorf("make a pipe for the output of a job: %w", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = in, in
	waited, err := launch(cmd)
	_ = in.Close() // the child has its own
	if err != nil {
		return crash.End{}, fmt.Errorf("start %s: %w", r.spec.Entrypoint[0], err)
	}
	var copied sync.WaitGroup
	copied.Go(func() { _, _ = io.Copy(unfailing{r.log}, out) }) // ends with the pipe, or by its deadline
	n.runBegun(r, cmd.Process.Pid)
	p := &runProcess{pid: cmd.Process.Pid, marker: r.marker(n), waited: waited}
	outOfMemory, done := make(chan string, 1), make(chan struct{})
	if limit := r.spec.Resources.Memory; limit > 0 {
		n.running.Go(func() { outOfMemory <- n.watchRunMemory(p, limit, done) })
	} else {
		outOfMemory <- ""
	}
	err = p.await(r, n.conf.StopGrace)
	close(done)
	p.killAll()
	_ = out.SetReadDeadline(time.Now().Add(pipeGrace)) // who holds it open was not found
	copied.Wait()
	end := crash.EndOf(cmd.ProcessState, err)
	end.Reason = cmp.Or(<-outOfMemory, end.Reason)
	return end, nil
}

// unfailing takes what a log does not: a job does not stop because its log does.
type unfailing struct{ log *logFile }

func (u unfailing) Write(b []byte) (int, error) {
	_, _ = u.log.Write(b)
	return len(b), nil
}

// runBegun tells the head that the process of an attempt runs.
func (n *Node) runBegun(r *run, pid int) {
	n.mu.Lock()
	r.pid = pid
	n.mu.Unlock()
	n.link.tasks.add(func(ctx context.Context) {
		_, err := headwire.Ask(ctx, n.link.client, headwire.JobStarted, headwire.JobBegun{JobLife: r.spec.JobLife, PID: pid})
		if err != nil && ctx.Err() == nil {
			n.logger.Warn("the begin of a job does not count", "job", r.spec.ID, "error", err)
		}
	})
}

// envMarker is the variable by which all is found that an attempt has started, also what has left its process group.
const envMarker = "MOBULA_JOB_RUN"

func (r *run) marker(n *Node) string {
	return fmt.Sprintf("%s/%s/%d", n.conf.ID, r.spec.ID, r.spec.Attempt)
}

// runEnv is the environment of an entrypoint: the node's, what tells where the cluster is, the job's own variables, and what tells it what it is.
func (n *Node) runEnv(base []string, r *run, hasGPUs bool) ([]string, error) {
	env := slices.DeleteFunc(slices.Clone(base), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"MOBULA_TOKEN", wire.EnvNode, wire.EnvWorker, wire.EnvClass, wire.EnvJob, "OLDPWD"}, name)
	})
	env = append(env, wire.EnvAddress+"="+n.address, "PWD="+r.dir)
	if n.conf.Command != "" {
		env = append(env, "PATH="+valueIn(env, "PATH")+string(filepath.ListSeparator)+filepath.Dir(n.conf.Command)) // what the user has comes first
	}
	if hasGPUs {
		devices, err := gpu.VisibleDevices(r.devices)
		if err != nil {
			return nil, err
		}
		env = append(env, "CUDA_VISIBLE_DEVICES="+devices)
	}
	for name, value := range r.spec.Env {
		env = append(env, name+"="+value)
	}
	return append(env, wire.EnvJob+"="+r.spec.ID, wire.EnvAttempt+"="+strconv.Itoa(r.spec.Attempt), envMarker+"="+r.marker(n)), nil
}

// valueIn is the value of a variable: the last one counts.
func valueIn(env []string, name string) string {
	for _, v := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// mobulaCommand is an entrypoint's name for this program, whatever its file is called.
const mobulaCommand = "mobula"

// findProgram finds the program of an entrypoint. mobula is the node's own: jobs and nodes of one release go together.
func (n *Node) findProgram(name, dir string, env []string) (string, error) {
	if name == mobulaCommand && n.conf.Command != "" {
		return n.conf.Command, nil
	}
	return findProgram(name, dir, env)
}

// findProgram finds a program: by the PATH of its environment, or, with a slash in it, from its working directory.
func findProgram(name, dir string, env []string) (string, error) {
	if strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, filepath.FromSlash(name))
		}
		if err := runnable(path); err != nil {
			return "", fmt.Errorf("start %s: %w", name, err)
		}
		return path, nil
	}
	for _, folder := range filepath.SplitList(valueIn(env, "PATH")) {
		for _, suffix := range executableSuffixes {
			if path := filepath.Join(folder, name+suffix); filepath.IsAbs(path) && runnable(path) == nil {
				return path, nil
			}
		}
	}
	hint := ""
	if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
		hint = ": one of that name is among the working files; write ./" + name
	}
	return "", fmt.Errorf("start %s: no such program in the PATH of the node%s", name, hint)
}

var executableSuffixes = func() []string {
	if runtime.GOOS == "windows" {
		return []string{"", ".exe"}
	}
	return []string{""}
}()

func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file; its working files are what was submitted with it")
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a folder")
	case info.Mode()&0o111 == 0 && runtime.GOOS != "windows":
		return errors.New("it is not executable: make it so, or name what runs it, as in  sh " + filepath.Base(path))
	}
	return nil
}

// runProcess is the process of an entrypoint, with all that it has started.
type runProcess struct {
	pid    int // of its group, too
	marker string
	waited <-chan error // how it ended, once
}

// memberTick is how often it is looked whether what a stopped entrypoint has started has ended.
const memberTick = 50 * time.Millisecond

// await waits for the end of the entrypoint. Where it is asked to end, it waits for all that it has started, as long as its grace time.
func (p *runProcess) await(r *run, atClose time.Duration) error {
	grace := time.Duration(r.spec.Grace) * time.Millisecond
	select {
	case err := <-p.waited:
		return err
	case <-r.stop:
	case <-r.ctx.Done():
		if grace = min(grace, atClose); errors.Is(context.Cause(r.ctx), errUnwanted) {
			grace = 0 // another one may run
		}
	}
	p.signalAll(terminate)
	late := time.NewTimer(grace)
	defer late.Stop()
	tick := time.NewTicker(memberTick)
	defer tick.Stop()
	var err error
	for alive := true; ; {
		select {
		case err = <-p.waited:
			alive = false
		case <-tick.C:
		case <-late.C:
			p.killAll()
			if alive {
				err = <-p.waited
			}
			return err
		}
		if !alive && len(p.members()) == 0 {
			return err
		}
	}
}

// endTime bounds how long it may take until what was killed has ended.
const endTime = 2 * time.Second

// killAll ends all that the entrypoint has started.
func (p *runProcess) killAll() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(endTime); time.Now().Before(deadline); <-tick.C {
		p.signalAll(kill)
		if len(p.members()) == 0 {
			return
		}
	}
}
