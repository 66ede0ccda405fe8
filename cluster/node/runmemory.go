package node

import (
	"fmt"
	"time"

	"mobula/internal/bytesize"
)

// runMemoryPeriod is how often it is looked at what the processes of an attempt hold.
const runMemoryPeriod = 500 * time.Millisecond

// watchRunMemory ends the processes of an attempt as soon as they hold more than a limit, and returns why; "" where they have not until done is closed.
func (n *Node) watchRunMemory(p *runProcess, limit int64, done <-chan struct{}) string {
	tick := time.NewTicker(runMemoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return ""
		case <-tick.C:
		}
		held := int64(0)
		for _, pid := range p.members() {
			one, _ := n.conf.Memory.Resident(pid) // 0 when it has just ended
			held += one
		}
		if held > limit {
			p.signalAll(kill)
			return fmt.Sprintf("out of memory: its processes held %s, and it was submitted with %s: submit it with more memory, or have it hold less", bytesize.Format(held), bytesize.Format(limit))
		}
	}
}
