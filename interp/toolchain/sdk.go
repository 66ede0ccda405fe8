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
	"strings"
)

// SDK is the source of package mobula on disk, for programs that import it.
type SDK struct{ Dir string }

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
	sdk := SDK{filepath.Join(cache, "sdk-"+digest)}
	if _, err := os.Stat(filepath.Join(sdk.Dir, "go.mod")); err == nil {
		return sdk, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return SDK{}, fmt.Errorf("make the cache: %w", err)
	}
	unlock, err := lockFile(ctx, sdk.Dir+".lock", func(string) {})
	if err != nil {
		return SDK{}, err
	}
	defer unlock()
	return sdk, writeSource(sdk.Dir, source) // go.mod comes last
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

// GoMod says which module of a folder a go command works in; "" for none.
func GoMod(ctx context.Context, tc Toolchain, dir string) (string, error) {
	cmd := Command(ctx, dir, nil, tc.GoCmd, "env", "GOMOD")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", describeExit(err))
	}
	path := strings.TrimSpace(string(out))
	if path == os.DevNull {
		path = ""
	}
	return path, nil
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
	sum := strings.TrimSuffix(gomod, ".mod") + ".sum"
	if err := copyFile(filepath.Join(dir, "go.sum"), sum); err != nil && !errors.Is(err, fs.ErrNotExist) {
		remove()
		return "", nil, err
	}
	cmd := Command(ctx, dir, nil, tc.GoCmd, "mod", "edit", "-require=mobula@v0.0.0", "-replace=mobula="+s.Dir, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("go mod edit: %w: %s", describeExit(err), strings.TrimSpace(string(out)))
	}
	return path, remove, nil
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
