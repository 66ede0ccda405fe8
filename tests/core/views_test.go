package core

import (
	"fmt"
	"runtime"
	"testing"

	"mobula"
	agent "mobula/cluster/node"
)

// TestViewsAreLetGo: what a task has looked at leaves the store with its last reference, though the task's worker does nothing more.
func TestViewsAreLetGo(t *testing.T) {
	const size = 96 * mib
	connect(t, mobula.Config{CPUs: 1, Store: 4 * size})
	r := mobula.Put(block(1, size))
	if _, err := mobula.Go(func() uint64 { return r.Value()[7] }).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	r = mobula.Ref[[]uint64]{}
	await(t, "the worker lets go", func() string {
		runtime.GC() // drops the reference of this process
		all, err := askNodes[agent.MemoryInfo](t.Context(), "memory")
		if err != nil {
			return err.Error()
		}
		for name, m := range all {
			if m.Store == nil || m.Store.Pinned > 0 || m.Store.Busy > m.Store.Reserved {
				return fmt.Sprintf("the store of %s: %+v", name, m.Store)
			}
		}
		return ""
	})
}
