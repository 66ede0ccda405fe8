// Package sysmem says how much memory is left for this process: the machine's or, where that is less, its
// control group's; and how much another process holds.
//
// # Concurrency
//
// All functions may be called from any goroutine; they read files of the system and keep nothing.
//
// # Testing
//
// A Source over a fstest.MapFS stands for a machine.
package sysmem

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// Memory is in bytes.
type Memory struct {
	Total     int64
	Available int64 // what can be had without swapping
}

// Source is where the system's files are read.
type Source struct{ Root fs.FS }

// System is this machine.
var System = Source{Root: os.DirFS("/")}

// ErrUnknown is returned where the system does not tell.
var ErrUnknown = errors.New("this system does not tell how much memory it has")

// Left returns what is left: the least of the machine's and its control groups'.
func (s Source) Left() (Memory, error) {
	machine, err := s.machine()
	if err != nil {
		return Memory{}, err
	}
	least := machine
	for _, group := range s.groups() {
		if group.Total < least.Total {
			least.Total = group.Total
		}
		least.Available = min(least.Available, group.Available)
	}
	return least, nil
}

// Resident is the memory that process pid holds, without what it shares with others.
func (s Source) Resident(pid int) (int64, error) {
	data, err := fs.ReadFile(s.Root, fmt.Sprintf("proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(data))
	if len(fields) < 3 {
		return 0, ErrUnknown
	}
	resident, err1 := strconv.ParseInt(fields[1], 10, 64)
	shared, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return max(0, resident-shared) * int64(os.Getpagesize()), nil
}

func (s Source) machine() (Memory, error) {
	data, err := fs.ReadFile(s.Root, "proc/meminfo")
	if err != nil {
		return Memory{}, ErrUnknown
	}
	values := fields(data)
	m := Memory{Total: 1024 * values["MemTotal:"], Available: 1024 * values["MemAvailable:"]}
	if m.Total == 0 {
		return Memory{}, ErrUnknown
	}
	return m, nil
}

// groups are the control groups that bound this process, of either version; those without a limit are left out.
func (s Source) groups() []Memory {
	data, err := fs.ReadFile(s.Root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var all []Memory
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		names := files{root: "sys/fs/cgroup", limit: "memory.max", used: "memory.current", cache: "inactive_file"}
		if parts[1] == "memory" {
			names = files{root: "sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", cache: "total_inactive_file"}
		} else if parts[0] != "0" {
			continue
		}
		// Inside a container the path may be the host's: then only the root is there.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			if m, ok := s.group(path.Join(names.root, dir), names); ok {
				all = append(all, m)
			}
			if dir == "/" {
				break
			}
		}
	}
	return all
}

// files are what one version of control groups calls things.
type files struct{ root, limit, used, cache string }

func (s Source) group(dir string, names files) (Memory, bool) {
	limit, ok := s.number(path.Join(dir, names.limit))
	if !ok {
		return Memory{}, false
	}
	used, ok := s.number(path.Join(dir, names.used))
	if !ok {
		return Memory{}, false
	}
	if stat, err := fs.ReadFile(s.Root, path.Join(dir, "memory.stat")); err == nil {
		used -= fields(stat)[names.cache] // the system gives these pages up first
	}
	return Memory{Total: limit, Available: max(0, limit-used)}, true
}

// number reads a file of one number; "max" is none, and so is a number that no machine has.
func (s Source) number(name string) (int64, bool) {
	data, err := fs.ReadFile(s.Root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
	return n, err == nil && n < math.MaxInt64/2
}

// fields reads lines of a name and a number.
func fields(data []byte) map[string]int64 {
	values := map[string]int64{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			values[words[0]] = n
		}
	}
	return values
}
