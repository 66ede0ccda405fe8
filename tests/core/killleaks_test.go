package core

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	agent "mobula/cluster/node"
	"mobula/objstore"
)

// ownMemory is what this process has for itself, without garbage.
func ownMemory(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	n, err := memoryOf(os.Getpid(), "Pss_Anon")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// children lists the processes that this one has started and not waited for.
func children(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, path := range paths {
		text, _ := os.ReadFile(path) // its thread may have ended
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// openFiles counts what this process has open, without the memory of the store.
func openFiles(t *testing.T) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	for _, e := range list {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(to, "/memfd:") {
			n++
		}
	}
	return n
}

// held is what this process has, a node and a driver.
type held struct {
	goroutines, files int
	store             objstore.Stats
}

func heldNow(t *testing.T) held {
	t.Helper()
	all, err := askNodes[agent.MemoryInfo](t.Context(), "memory")
	if err != nil || all["first"].Store == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	return held{runtime.NumGoroutine(), openFiles(t), *all["first"].Store}
}

// awaitFlat waits until this process has no more than it had, and the store holds nothing but room for who writes next.
func awaitFlat(t *testing.T, before held) {
	t.Helper()
	await(t, "all is as before", func() string {
		runtime.GC() // drops actors and objects
		now := heldNow(t)
		s := now.store
		empty := s.Objects == [objstore.Lost + 1]int{} && s.Pinned == 0 && s.Busy == s.Reserved && s.Clients <= before.store.Clients
		if empty && now.goroutines <= before.goroutines+5 && now.files <= before.files+5 {
			return ""
		}
		return fmt.Sprintf("%+v, before: %+v", now, before)
	})
}
