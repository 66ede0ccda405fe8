package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mobula/internal/filelock"
	"mobula/interp/overlay"
)

// Host is a session host that is ready to start.
type Host struct {
	Path     string     // executable
	Source   string     // folder of its module
	Packages []*Package // that it is made of, with their archives
	Flags    []string   // for go list, so that archives fit this host
	Digest   string

	lease *os.File // shared lock while this process may start the host: it is not removed
}

// keptHosts bounds the cache: so many hosts, the least recently used go first.
const keptHosts = 3

// CacheDir is where hosts are kept: $MOBULA_CACHE, or mobula in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("MOBULA_CACHE"); dir != "" {
		return dir, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w (set MOBULA_CACHE)", err)
	}
	return filepath.Join(base, "mobula"), nil
}

// PrepareHost returns the host for a toolchain, building it first where the cache has none.
// Several processes may call it at once: one builds, the others wait.
func PrepareHost(ctx context.Context, tc Toolchain, source fs.FS, progress func(string)) (Host, error) {
	cache, err := CacheDir()
	if err != nil {
		return Host{}, err
	}
	digest, err := hostDigest(tc, source)
	if err != nil {
		return Host{}, err
	}
	dir := filepath.Join(cache, "host-"+digest)
	h := Host{Path: filepath.Join(dir, "session-host"), Source: filepath.Join(dir, "src"), Digest: digest}
	h.Flags = []string{"-overlay", filepath.Join(OverlayDir(h.Path), "overlay.json"), "-tags", "mobulahost"}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Host{}, fmt.Errorf("make the cache of session hosts: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, "lock"), progress)
	if err != nil {
		return Host{}, err
	}
	defer unlock()
	if err := h.readIndex(); err != nil {
		if err := h.build(ctx, tc, source, progress); err != nil {
			return Host{}, err
		}
	}
	if h.lease, err = os.OpenFile(leaseFile(dir), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return Host{}, fmt.Errorf("keep the session host: %w", err)
	}
	if err := filelock.Share(h.lease); err != nil {
		return Host{}, fmt.Errorf("keep the session host: %w", err)
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // only the order of removal depends on it
	removeOld(cache, dir)
	return h, nil
}

// hostDigest names a host by everything that it depends on.
func hostDigest(tc Toolchain, source fs.FS) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, tc.Version, tc.GOROOT, tc.Cgo, tc.CC, overlay.Digest(), os.Getenv("GOAMD64"), os.Getenv("GOEXPERIMENT"), hostTextAddress)
	err := fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(unlinked, path):
			return fs.SkipDir
		case d.IsDir() || !isHostFile(path):
			return nil
		}
		text, err := fs.ReadFile(source, path)
		fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the source of the session host: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// unlinked are folders of the source that no session host is made of: they are for programs. A change there needs no new host.
var unlinked = []string{
	"cluster/gpu", "cluster/head", "cluster/node", "cluster/replog", "cluster/state", "internal/archtest", "internal/crash", "internal/eventually", "internal/golden",
	"internal/langtest", "internal/magicline", "internal/peercred", "internal/sysmem", "objstore/index", "objstore/spill", "objstore/store", "objstore/transfer",
}

func isHostFile(path string) bool {
	return !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "testdata/")
}

func (h *Host) build(ctx context.Context, tc Toolchain, source fs.FS, progress func(string)) error {
	if err := writeSource(h.Source, source); err != nil {
		return err
	}
	for _, dir := range unlinked { // so that nothing in there depends on them
		if err := os.RemoveAll(filepath.Join(h.Source, filepath.FromSlash(dir))); err != nil {
			return fmt.Errorf("write the source of the session host: %w", err)
		}
	}
	if err := BuildHost(ctx, tc, h.Source, h.Path, progress); err != nil {
		return err
	}
	return h.writeIndex(ctx, tc)
}

func writeSource(dir string, source fs.FS) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear the source of the session host: %w", err)
	}
	err := fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isHostFile(path) {
			return err
		}
		text, err := fs.ReadFile(source, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module mobula\n\ngo 1.26\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the source of the session host: %w", err)
	}
	return nil
}

func (h *Host) indexFile() string { return h.Path + ".packages.json" }

func (h *Host) writeIndex(ctx context.Context, tc Toolchain) error {
	list, err := tc.ListWithDeps(ctx, h.Source, tc.hostEnv(), h.Flags, hostPackage)
	if err != nil {
		return fmt.Errorf("list the packages of the session host: %w", err)
	}
	h.Packages = slices.DeleteFunc(list, func(k *Package) bool { return k.Name == "main" })
	text, err := json.Marshal(h.Packages)
	if err != nil {
		return err
	}
	return os.WriteFile(h.indexFile(), text, 0o600)
}

// readIndex reads what writeIndex wrote; an archive that the build cache has dropped is an error.
func (h *Host) readIndex() error {
	if !exists(h.Path) {
		return fs.ErrNotExist
	}
	text, err := os.ReadFile(h.indexFile())
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &h.Packages); err != nil {
		return err
	}
	for _, k := range h.Packages {
		if k.Export != "" && !exists(k.Export) {
			return fmt.Errorf("%s: %w", k.Export, fs.ErrNotExist)
		}
	}
	return nil
}

// lockFile takes an exclusive lock that the system drops when the process ends.
func lockFile(ctx context.Context, path string, progress func(string)) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cache of session hosts: %w", err)
	}
	told := false
	for {
		err := filelock.Try(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			f.Close()
			return nil, fmt.Errorf("lock the cache of session hosts: %w", err)
		}
		if !told {
			told = true
			progress("another process is building the session host; waiting for it")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// removeOld removes the hosts that were not used for the longest time.
func removeOld(cache, current string) {
	dirs, err := filepath.Glob(filepath.Join(cache, "host-*"))
	if err != nil {
		return
	}
	for _, d := range oldest(dirs, keptHosts) {
		if d != current && !leased(d) {
			_ = os.RemoveAll(d) // tried again next time
		}
	}
}

// oldest are the folders beyond so many, by when they were used.
func oldest(dirs []string, keep int) []string {
	if len(dirs) <= keep {
		return nil
	}
	age := map[string]time.Time{}
	for _, d := range dirs {
		if st, err := os.Stat(d); err == nil {
			age[d] = st.ModTime()
		}
	}
	return slices.SortedFunc(slices.Values(dirs), func(a, b string) int { return age[b].Compare(age[a]) })[keep:]
}

func leaseFile(dir string) string { return filepath.Join(dir, "lease") }

// leased reports whether some process may start the host in dir.
func leased(dir string) bool {
	f, err := os.Open(leaseFile(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(filelock.Try(f), filelock.ErrHeld)
}
