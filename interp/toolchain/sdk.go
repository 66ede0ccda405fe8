package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mobula/internal/filelock"
)

// SDK is the source of package mobula on disk, for programs that import it.
type SDK struct {
	Dir string

	lease *os.File // shared lock while this process may read the source: it is not removed
}

// Close lets the source go.
func (s SDK) Close() error { return s.lease.Close() }

// keptSDKs bounds the cache: so many versions, the least recently used go first.
const keptSDKs = 3

// PrepareSDK writes the source that this binary carries to the cache, once for each version of it.
func PrepareSDK(ctx context.Context, source fs.FS) (SDK, error) {
	cache, err := CacheDir()
	if err != nil {
		return SDK{}, err
	}
	digest, err := sourceDigest(source)
	if err != nil {
		return SDK{}, fmt.Errorf("read the source of the SDK: %w", err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return SDK{}, fmt.Errorf("make the cache: %w", err)
	}
	sdk := SDK{Dir: filepath.Join(cache, "sdk-"+digest)}
	for {
		if sdk.lease, err = share(sdk.lockName()); err != nil {
			return SDK{}, fmt.Errorf("keep the source of the SDK: %w", err)
		}
		if sdk.exists() {
			break
		}
		_ = sdk.lease.Close() // nothing was read
		if err := sdk.fill(ctx, source); err != nil {
			return SDK{}, err
		}
	}
	now := time.Now()
	_ = os.Chtimes(sdk.Dir, now, now) // only the order of removal depends on it
	removeOldSDKs(cache)
	return sdk, nil
}

func (s SDK) lockName() string { return s.Dir + ".lock" }

// share takes a shared lock of a file that others may remove while they have it alone.
func share(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := filelock.Share(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		own, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if now, err := os.Stat(name); err == nil && os.SameFile(own, now) {
			return f, nil
		}
		_ = f.Close() // it was removed meanwhile
	}
}

// fill writes the source, unless another process has.
func (s SDK) fill(ctx context.Context, source fs.FS) error {
	unlock, err := lockFile(ctx, s.lockName(), func(string) {})
	if err != nil {
		return err
	}
	defer unlock()
	if s.exists() {
		return nil
	}
	return s.write(source)
}

// removeOldSDKs removes the sources that were not used for the longest time and that nobody uses.
func removeOldSDKs(cache string) {
	found, err := filepath.Glob(filepath.Join(cache, "sdk-*"))
	if err != nil {
		return
	}
	found = slices.DeleteFunc(found, func(name string) bool { return strings.Contains(filepath.Base(name), ".") }) // a lock, or unfinished
	for _, dir := range oldest(found, keptSDKs) {
		lockName := SDK{Dir: dir}.lockName()
		if lock, err := filelock.Open(lockName, false); err == nil {
			_ = os.RemoveAll(dir) // what stays is tried again next time, as below
			_ = os.RemoveAll(dir + ".new")
			_ = os.Remove(lockName)
			_ = lock.Close()
		}
	}
}

// exists reports whether the source is there; it comes as a whole.
func (s SDK) exists() bool {
	_, err := os.Stat(s.Dir)
	return err == nil
}

func (s SDK) write(source fs.FS) error {
	sum, err := fs.ReadFile(source, "go.sum")
	if err != nil {
		return fmt.Errorf("read the source of the SDK: %w", err)
	}
	unfinished := s.Dir + ".new"
	if err := writeSource(unfinished, source); err != nil {
		return err
	}
	module, lines := sdkModule(string(sum))
	for name, text := range map[string]string{"go.sum": lines, "go.mod": module} {
		if err := os.WriteFile(filepath.Join(unfinished, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the source of the SDK: %w", err)
		}
	}
	if err := os.Rename(unfinished, s.Dir); err != nil {
		return fmt.Errorf("write the source of the SDK: %w", err)
	}
	return nil
}

// sdkImports is what package mobula needs beside the standard library.
var sdkImports = []string{"github.com/tidwall/btree"}

// sdkModule returns the SDK's go.mod and go.sum: of all that this program is made of, what package mobula needs.
func sdkModule(sum string) (module, lines string) {
	module = "module mobula\n\ngo 1.26\n"
	for line := range strings.Lines(sum) {
		path, rest, _ := strings.Cut(line, " ")
		if !slices.Contains(sdkImports, path) {
			continue
		}
		lines += line
		if version, _, _ := strings.Cut(rest, " "); !strings.HasSuffix(version, "/go.mod") {
			module += "\nrequire " + path + " " + version + "\n"
		}
	}
	return module, lines
}

func sourceDigest(source fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isHostFile(path) {
			return err
		}
		text, err := fs.ReadFile(source, path)
		fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(text))
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

// GoMod says which module, and which workspace, of a folder a go command works in; "" for none.
func GoMod(ctx context.Context, tc Toolchain, dir string) (gomod, gowork string, err error) {
	out, err := Command(ctx, dir, nil, tc.GoCmd, "env", "GOMOD", "GOWORK").Output()
	if err != nil {
		return "", "", fmt.Errorf("go env GOMOD GOWORK: %w", describeExit(err))
	}
	gomod, gowork, _ = strings.Cut(string(out), "\n")
	if gomod = strings.TrimSpace(gomod); gomod == os.DevNull {
		gomod = ""
	}
	if gowork = strings.TrimSpace(gowork); gowork == "off" {
		gowork = ""
	}
	return gomod, gowork, nil
}

// ModFile writes a copy of a module's go.mod, with its go.sum, in which mobula is the SDK: for the flag -modfile. remove removes it.
func (s SDK) ModFile(ctx context.Context, tc Toolchain, gomod string) (path string, remove func(), err error) {
	dir, err := workDir("modfiles")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // removeDead tries again
	path = filepath.Join(dir, "go.mod")
	if err := copyFile(path, gomod); err != nil {
		remove()
		return "", nil, err
	}
	if err := s.fillModFile(ctx, tc, gomod, path); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}

func (s SDK) fillModFile(ctx context.Context, tc Toolchain, gomod, path string) error {
	sum, err := os.ReadFile(strings.TrimSuffix(gomod, ".mod") + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own, err := os.ReadFile(filepath.Join(s.Dir, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".mod")+".sum", append(sum, own...), 0o600); err != nil {
		return err
	}
	module, err := os.ReadFile(filepath.Join(s.Dir, "go.mod"))
	if err != nil {
		return err
	}
	args := []string{"mod", "edit", "-require=mobula@v0.0.0", "-replace=mobula=" + s.Dir}
	for line := range strings.Lines(string(module)) {
		if needs, ok := strings.CutPrefix(strings.TrimSpace(line), "require "); ok {
			args = append(args, "-require="+strings.ReplaceAll(needs, " ", "@"))
		}
	}
	if out, err := Command(ctx, filepath.Dir(path), nil, tc.GoCmd, append(args, path)...).CombinedOutput(); err != nil {
		return fmt.Errorf("go mod edit: %w: %s", describeExit(err), strings.TrimSpace(string(out)))
	}
	return nil
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
