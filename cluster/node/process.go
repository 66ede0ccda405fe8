package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"mobula/cluster/gpu"
	"mobula/cluster/wire"
	"mobula/internal/crash"
)

// Processes is a Starter that executes the registered program. Each worker leads a process group of its own, and on Linux ends
// when this process does, however that ends.
type Processes struct{}

// pipeGrace is how long the output of a worker's surviving children is waited for.
const pipeGrace = 500 * time.Millisecond

// Start executes the program.
func (Processes) Start(ctx context.Context, spec WorkerSpec) (Process, error) {
	if spec.Path == "" {
		return nil, fmt.Errorf("program %.12q is not registered with this node: the driver that has it must be connected", spec.Class.Program)
	}
	p := &process{cmd: exec.Command(spec.Path, spec.Args...), done: make(chan struct{})}
	env, err := workerEnv(os.Environ(), &spec)
	if err != nil {
		return nil, err
	}
	p.cmd.Env = env
	p.cmd.SysProcAttr = sysProcAttr()
	pipes, writers, err := outputPipes()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for a worker's output: %w", err)
	}
	p.pipes = pipes
	p.cmd.Stdout, p.cmd.Stderr = writers[0], writers[1]
	p.waited, err = launch(p.cmd)
	for _, w := range writers {
		_ = w.Close() // the child has its own
	}
	if err != nil {
		for _, pipe := range pipes {
			_ = pipe.Close() // nothing was read
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, p.Kill)
	var copies sync.WaitGroup
	for i, w := range []io.Writer{spec.Stdout, spec.Stderr} {
		copies.Go(func() { _, _ = io.Copy(w, pipes[i]) }) // ends with the pipe, or by its deadline
	}
	go p.finish(&copies, stop) // Wait waits for it
	return p, nil
}

// process is a worker process.
type process struct {
	cmd    *exec.Cmd
	pipes  [2]*os.File
	waited <-chan error
	done   chan struct{}
	exit   crash.End // set before done is closed

	mu    sync.Mutex // guards below
	ended bool       // it was waited for: its id may be another's
}

// launch executes a command, and returns what tells of its end. The system signals the child when the thread that started it ends, so that one stays with it.
func launch(cmd *exec.Cmd) (<-chan error, error) {
	waited := make(chan error, 1)
	started := make(chan error)
	go func() { // ends with the process; who is told of that waits for it
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	}()
	return waited, <-started
}

func (p *process) finish(copies *sync.WaitGroup, stop func() bool) {
	defer close(p.done)
	err := <-p.waited
	stop()
	killGroup(p.cmd.Process) // its children
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	for _, pipe := range p.pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(pipeGrace)) // a child may have left the group and hold it open
	}
	copies.Wait()
	for _, pipe := range p.pipes {
		_ = pipe.Close() // it was only read
	}
	p.exit = crash.EndOf(p.cmd.ProcessState, err)
}

func (p *process) PID() int { return p.cmd.Process.Pid }

func (p *process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		killGroup(p.cmd.Process)
	}
}

func (p *process) Wait() crash.End {
	<-p.done
	return p.exit
}

func outputPipes() (readers, writers [2]*os.File, err error) {
	for i := range readers {
		if readers[i], writers[i], err = os.Pipe(); err != nil {
			for _, f := range []*os.File{readers[0], writers[0]} {
				if f != nil {
					err = errors.Join(err, f.Close())
				}
			}
			return readers, writers, err
		}
	}
	return readers, writers, nil
}

// workerEnv is the environment of a worker: the node's, what its driver adds, and what tells it what it is.
func workerEnv(base []string, spec *WorkerSpec) ([]string, error) {
	class, err := json.Marshal(spec.Class)
	if err != nil {
		return nil, fmt.Errorf("write the class of a worker: %w", err)
	}
	env := append(append([]string(nil), base...), spec.Env...)
	debug := ""
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "GODEBUG="); ok {
			debug = value
		}
	}
	if debug != "" {
		debug += ","
	}
	env = append(env, "GODEBUG="+debug+"tracebacklabels=1", wire.EnvNode+"="+spec.Node, wire.EnvWorker+"="+spec.Worker.String(), wire.EnvClass+"="+string(class))
	if spec.HasGPUs {
		devices, err := gpu.VisibleDevices(spec.Devices)
		if err != nil {
			return nil, err
		}
		env = append(env, "CUDA_VISIBLE_DEVICES="+devices)
	}
	return env, nil
}
