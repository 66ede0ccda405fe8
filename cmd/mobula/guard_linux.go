package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// envGuarded marks the process that a guard has started.
const envGuarded = "MOBULA_GUARDED"

// guard makes this process the guard of another one that runs the same command, and reports whether that was so. The guard is the one to which
// processes come whose parents have ended: so when the node ends, however that is, all that its workers have started
// can be found and ended, too. Only where the guard itself is killed with SIGKILL those survive that left their worker's process
// group; the node and its workers end then as well.
func guard(args []string) (bool, error) {
	if os.Getenv(envGuarded) != "" {
		_ = os.Unsetenv(envGuarded) // workers may start clusters
		return false, nil
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return false, nil // an odd system: then without
	}
	exe, err := os.Executable()
	if err != nil {
		return true, fmt.Errorf("find the path of this binary: %w", err)
	}
	cmd := exec.Command(exe, append([]string{"start"}, args...)...)
	cmd.Env = append(os.Environ(), envGuarded+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGCHLD)
	defer signal.Stop(signals)
	ended := make(chan error, 1)
	started := make(chan error, 1)
	go func() { // the system signals the child when the thread that started it ends, so that one stays with it
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return true, fmt.Errorf("start the node's process: %w", err)
	}
	err = watchOver(cmd.Process, signals, ended)
	endOrphans()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := exit.ExitCode(); code > 0 {
			return true, exitError{code} // it has told why
		}
		return true, fmt.Errorf("the node's process was ended: %w", exit)
	}
	return true, err
}

// guardOf finds the guard of a node's process: its parent, if that is this program. 0: it has none.
func guardOf(node int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", node))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nPPid:")
	line, _, _ := strings.Cut(rest, "\n")
	parent, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", node))
	if err != nil {
		return 0
	}
	if other, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent)); err != nil || other != own {
		return 0
	}
	return parent
}

// watchOver passes signals on until the node's process ends, and takes the ends of orphans.
func watchOver(node *os.Process, signals <-chan os.Signal, ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return err
		case s := <-signals:
			if s != syscall.SIGCHLD {
				_ = node.Signal(s) // it may be gone
				continue
			}
			for _, pid := range children() {
				if pid != node.Pid {
					_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it may run on
				}
			}
		}
	}
}

// children lists the processes whose parent this one is.
func children() (pids []int) {
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return nil
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has just ended
		}
		for word := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// orphansTime bounds how long orphans may take to end: SIGKILL cannot be refused, but the system may be busy.
const orphansTime = 2 * time.Second

// endOrphans ends the children of this process, and theirs as they become its children, until there are none.
func endOrphans() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(orphansTime); time.Now().Before(deadline); <-tick.C {
		all := children()
		if len(all) == 0 {
			return
		}
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)               // it may be gone
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // else the next round takes its end
		}
	}
}
