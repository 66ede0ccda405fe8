package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is memory of processes of one role: their proportional set sizes, the arena of the object store apart.
type usage struct {
	Count int     `json:"count"`
	MB    float64 `json:"MB"`
	Arena float64 `json:"arena_MB"`
}

// tree lists a process and all that descend from it.
func tree(root int) []int {
	children := map[int][]int{}
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range entries {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent
		if err != nil || len(fields) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	list := []int{root}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// memoryOf sums the memory of a side's processes by role. Those that have ended meanwhile do not count.
func memoryOf(root int) map[string]usage {
	sums := map[string]usage{}
	for _, pid := range tree(root) {
		own, arena, err := pss(pid)
		if err != nil {
			continue
		}
		role := roleOf(pid, root)
		u := sums[role]
		sums[role] = usage{u.Count + 1, u.MB + own/1e6, u.Arena + arena/1e6}
	}
	return sums
}

// total is the megabytes of all roles, without the arena.
func total(sums map[string]usage) (mb float64) {
	for _, u := range sums {
		mb += u.MB
	}
	return mb
}

const (
	restPatience = 15 * time.Second
	restEvery    = time.Second
	restChange   = 0.005
)

// atRest waits until a side's memory changes no more, and returns it.
func atRest(root int) (map[string]usage, error) {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	last := memoryOf(root)
	for still, end := 0, time.Now().Add(restPatience); still < 3; {
		<-tick.C
		now := memoryOf(root)
		if total(now) == 0 {
			return nil, fmt.Errorf("process %d has no memory: it has ended", root)
		}
		if change := total(now)/total(last) - 1; change > -restChange && change < restChange {
			still++
		} else {
			still = 0
		}
		last = now
		if time.Now().After(end) {
			break
		}
	}
	return last, nil
}

// pss returns the proportional set size of a process, in bytes, with that of mappings of an object store's arena apart.
func pss(pid int) (own, arena float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return 0, 0, err
	}
	own, arena = parseSmaps(text)
	return own, arena, nil
}

func parseSmaps(text []byte) (own, arena float64) {
	inArena := false
	for scan := bufio.NewScanner(bytes.NewReader(text)); scan.Scan(); {
		fields := strings.Fields(scan.Text())
		switch {
		case len(fields) < 2:
		case fields[0] == "Pss:":
			kb, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				continue
			}
			if inArena {
				arena += kb * 1024
			} else {
				own += kb * 1024
			}
		case !strings.HasSuffix(fields[0], ":"): // a mapping: addresses, permissions, offset, device, inode, path
			inArena = len(fields) > 5 && (strings.HasPrefix(fields[5], "/memfd:mobula") || strings.Contains(fields[5], "/plasma"))
		}
	}
	return own, arena
}

// roles are parts of the command lines of Ray's and the kernel's processes, and what these are.
var roles = [][2]string{
	{"gcs/gcs_server", "gcs_server"}, {"raylet/raylet", "raylet"}, {"DashboardAgent", "dashboard agent"}, {"dashboard/agent", "dashboard agent"},
	{"RuntimeEnvAgent", "runtime_env agent"}, {"runtime_env/agent", "runtime_env agent"}, {"log_monitor", "log monitor"}, {"monitor.py", "autoscaler monitor"},
	{"dashboard/dashboard", "dashboard"}, {"ray::", "worker"}, {"default_worker.py", "worker"},
	{"mobula kernel", "kernel"}, {"/session-host", "session host"}, {"mobula start", "guard"},
}

// marks are variables that Mobula's processes find in their environment, and what it is that have them.
var marks = [][2]string{{"MOBULA_WORKER=", "worker"}, {"MOBULA_GUARDED=", "node"}}

// roleOf says what a process of a side is.
func roleOf(pid, root int) string {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	environ, other := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || other != nil {
		return "ended"
	}
	args := strings.Split(string(cmdline), "\x00")
	if role := roleBy(strings.Join(args[:min(4, len(args))], " "), strings.Split(string(environ), "\x00")); role != "" {
		return role
	}
	if pid == root {
		return "driver"
	}
	return filepath.Base(args[0])
}

// roleBy is what a command line and an environment tell.
func roleBy(line string, environ []string) string {
	for _, m := range marks {
		if slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, m[0]) }) {
			return m[1]
		}
	}
	for _, r := range roles {
		if strings.Contains(line, r[0]) {
			return r[1]
		}
	}
	return ""
}
