//go:build unix

package toolchain

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/fstest"
	"time"
)

// TestOldSDKsAreRemoved: the sources of other versions go when there are many, but for those that somebody builds with.
func TestOldSDKsAreRemoved(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("MOBULA_CACHE", cache)
	var all []SDK
	for i := range keptSDKs + 3 {
		sdk, err := PrepareSDK(t.Context(), fstest.MapFS{"go.sum": {}, "a.go": {Data: []byte("package a // " + strconv.Itoa(i))}})
		if err != nil {
			t.Fatal(err)
		}
		defer sdk.Close()
		when := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(sdk.Dir, when, when); err != nil {
			t.Fatal(err)
		}
		all = append(all, sdk)
	}
	for i, sdk := range all {
		if !sdk.exists() {
			t.Errorf("%d was removed while it was used", i)
		}
		if i != 1 {
			if err := sdk.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	again, err := PrepareSDK(t.Context(), fstest.MapFS{"go.sum": {}, "a.go": {Data: []byte("package a // 5")}})
	if err != nil || again.Dir != all[5].Dir {
		t.Fatal(again, err)
	}
	defer again.Close()
	for i, want := range []bool{false, true, false, true, true, true} {
		if all[i].exists() != want {
			t.Errorf("%d is there: %v", i, !want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(cache, "sdk-*")); err != nil || len(left) != 8 { // each with its lock
		t.Errorf("%q, %v", left, err)
	}
	if back, err := PrepareSDK(t.Context(), fstest.MapFS{"go.sum": {}, "a.go": {Data: []byte("package a // 0")}}); err != nil || !back.exists() || back.Close() != nil {
		t.Error(back, err)
	}
}
