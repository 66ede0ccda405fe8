package session

import (
	"os"
	"os/signal"
	"syscall"

	"mobula/cluster/wire"
)

// deathSignal comes to a worker when its node's process has ended.
const deathSignal = syscall.Signal(50)

// The node has the system kill its workers when it ends, which leaves alone what these have started. So a worker asks for a signal instead, and
// kills its process group, of which it is the leader. It asks in an init, which runs on the thread that counts, the first.
func init() {
	if os.Getenv(wire.EnvWorker) == "" || syscall.Getpgrp() != os.Getpid() {
		return
	}
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, deathSignal)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(deathSignal), 0); errno != 0 {
		signal.Stop(gone)
		return // it is killed, alone
	}
	go func() { // for as long as the worker lives
		<-gone
		_ = syscall.Kill(0, syscall.SIGKILL) // with this process
	}()
}
