package toolchain

import (
	"context"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cFlags are the arguments of the C compiler for one file.
type cFlags struct{ compile, link []string }

// cgoFlags collects the flags of the environment, of #cgo lines and of pkg-config.
func (c *cBuild) cgoFlags(ctx context.Context) (cFlags, error) {
	pkg, err := c.parse(c.file.Text)
	if err != nil {
		return cFlags{}, err
	}
	f := cFlags{
		compile: slices.Concat(strings.Fields(c.file.variable("CGO_CPPFLAGS", "")), pkg.CgoCPPFLAGS,
			strings.Fields(c.file.variable("CGO_CFLAGS", "-g -O2")), pkg.CgoCFLAGS),
		link: slices.Concat(strings.Fields(c.file.variable("CGO_LDFLAGS", "")), pkg.CgoLDFLAGS),
	}
	if len(pkg.CgoPkgConfig) == 0 {
		return f, nil
	}
	compile, err := c.pkgConfig(ctx, "--cflags", pkg.CgoPkgConfig)
	if err != nil {
		return f, err
	}
	link, err := c.pkgConfig(ctx, "--libs", pkg.CgoPkgConfig)
	if err != nil {
		return f, err
	}
	return cFlags{append(f.compile, compile...), append(f.link, link...)}, nil
}

// parse has package go/build read the #cgo lines of the file, as if it lay in the folder of the session.
func (c *cBuild) parse(text string) (*build.Package, error) {
	b := build.Default
	b.CgoEnabled = true
	b.ReadDir = func(string) ([]fs.FileInfo, error) {
		info, err := os.Stat(filepath.Join(c.dir, CName))
		return []fs.FileInfo{info}, err
	}
	b.IsDir = func(string) bool { return true }
	b.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	pkg, err := b.ImportDir(c.file.Dir, 0)
	if err != nil {
		return nil, &CError{strings.ReplaceAll(err.Error(), c.file.Dir+string(os.PathSeparator), "")}
	}
	return pkg, nil
}

// pkgConfig asks pkg-config for the flags of libraries.
func (c *cBuild) pkgConfig(ctx context.Context, kind string, names []string) ([]string, error) {
	tool := c.file.variable("PKG_CONFIG", "pkg-config")
	out, err := Command(ctx, c.file.Dir, c.env, tool, append([]string{kind, "--"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("#cgo pkg-config: %s %s: %w", tool, strings.Join(names, " "), describeExit(err))
	}
	// It quotes as #cgo lines do.
	pkg, err := c.parse("package main\n\n// #cgo LDFLAGS: " + strings.TrimSpace(string(out)) + "\nimport \"C\"\n")
	if err != nil {
		return nil, err
	}
	return pkg.CgoLDFLAGS, nil
}
