package core

import (
	"context"
	"errors"
	"strings"
	"testing"

	"mobula"
	"mobula/objstore/store"
)

// TestJobQuota: a job whose readers keep more than its share of the store is told so, though the store has room; what it does not read is spilled.
func TestJobQuota(t *testing.T) {
	const size = 8 * mib
	connectToStore(t, store.Config{Capacity: 128 * mib, DefaultQuota: 32 * mib, Disk: diskOf(t)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var refs []mobula.Ref[[]uint64]
	for i := range 8 {
		refs = append(refs, mobula.Put(block(i, size)))
	}
	kept := make([][]uint64, 0, len(refs))
	var full error
	for _, r := range refs {
		var list []uint64
		if list, full = r.Get(ctx); full != nil {
			break
		}
		kept = append(kept, list)
	}
	e, ok := errors.AsType[*mobula.StoreFullError](full)
	if !ok || e.Quota != 32*mib || e.Job == "" || !strings.Contains(full.Error(), "has reached its quota of 32 MiB") {
		t.Fatalf("%d of %d blocks are kept; the error: %v", len(kept), len(refs), full)
	}
	for i, list := range kept {
		if err := wrong(list, i, size); err != nil {
			t.Error(err)
		}
	}
}
