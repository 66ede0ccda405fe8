package node

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	terminate = syscall.SIGTERM
	kill      = syscall.SIGKILL
)

// members lists the processes of the entrypoint's group, and those that have its marker in their environment: what has left the group. Zombies
// are none: nobody may wait for them.
func (p *runProcess) members() (pids []int) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err == nil && pid != os.Getpid() && p.has(name) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// has looks at a process, which may have just ended.
func (p *runProcess) has(name string) bool {
	stat, err := os.ReadFile(name + "/stat")
	if err != nil {
		return false
	}
	// After the name of the program, which is in parentheses: state, parent and group.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return false
	}
	if string(fields[2]) == strconv.Itoa(p.pid) {
		return true
	}
	env, err := os.ReadFile(name + "/environ")
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+envMarker+"="+p.marker+"\x00"))
}

// signalAll signals the group, and what has left it.
func (p *runProcess) signalAll(s syscall.Signal) {
	for _, pid := range p.members() {
		_ = syscall.Kill(pid, s) // it may be gone
	}
}
