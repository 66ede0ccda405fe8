//go:build !linux

package node

import "os"

type runSignal int

const (
	terminate runSignal = iota
	kill
)

// members is not known on this system.
func (p *runProcess) members() []int { return nil }

// signalAll ends the group: it is asked to on Linux only.
func (p *runProcess) signalAll(runSignal) {
	if process, err := os.FindProcess(p.pid); err == nil {
		killGroup(process)
	}
}
