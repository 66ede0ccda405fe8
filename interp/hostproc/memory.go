//go:build unix

package hostproc

import (
	"fmt"
	"os"
	"time"

	"mobula/internal/bytesize"
	"mobula/internal/sysmem"
)

const (
	memoryPeriod = 250 * time.Millisecond
	// Of all memory this part stays free: page faults fill less than that within one period.
	memoryReserve = 32
	// The host is ended for the machine's sake only where it holds this part of all memory.
	memoryCulprit = 4
)

// preferForOOM makes the system's own killer take the host before the kernel and before JupyterLab.
func preferForOOM(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0) // systems without it lack the killer, too
}

// watchMemory ends the host where it holds more than its limit, or where the machine is about to run out of
// memory and the host is why. It returns when the host has ended.
func (p *Process) watchMemory() {
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-tick.C:
			left, err := sysmem.System.Left()
			if err != nil {
				return
			}
			held, err := sysmem.System.Resident(p.PID())
			if err != nil {
				continue // it is ending
			}
			if reason := memoryVerdict(held, p.conf.MemoryLimit, left); reason != "" {
				p.mu.Lock()
				p.outOfMemory = reason
				p.mu.Unlock()
				p.kill()
				return
			}
		}
	}
}

// memoryVerdict says why a host that holds so much must end, or nothing.
func memoryVerdict(held, limit int64, left sysmem.Memory) string {
	switch {
	case limit > 0 && held > limit:
		return fmt.Sprintf("out of memory: it held %s, and MOBULA_MEMORY_LIMIT is %s", bytesize.Format(held), bytesize.Format(limit))
	case left.Available < left.Total/memoryReserve && held > left.Total/memoryCulprit:
		return fmt.Sprintf("out of memory: it held %s, and of the %s that there are %s were left",
			bytesize.Format(held), bytesize.Format(left.Total), bytesize.Format(left.Available))
	}
	return ""
}
