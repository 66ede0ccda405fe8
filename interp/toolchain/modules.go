package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
)

// ModuleDir makes an empty module for one session of this process, and removes the modules of
// processes that have ended.
func ModuleDir() (string, error) {
	dir, err := workDir("modules")
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module notebook\n\ngo 1.26\n"), 0o600)
}

// workDir makes a folder for this process in a part of the cache, and removes those of processes that have ended.
func workDir(part string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(cache, part)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	removeDead(parent)
	return os.MkdirTemp(parent, fmt.Sprintf("%d-", os.Getpid()))
}

func removeDead(parent string) {
	dirs, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, d := range dirs {
		var pid int
		if _, err := fmt.Sscanf(d.Name(), "%d-", &pid); err == nil && processGone(pid) {
			_ = os.RemoveAll(filepath.Join(parent, d.Name())) // tried again next time
		}
	}
}
