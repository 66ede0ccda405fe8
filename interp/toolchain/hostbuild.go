package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mobula/interp/loader"
	"mobula/interp/overlay"
)

// hostTextAddress is where the session host's own code begins. Below it lies what it loads:
// addresses in code are signed 32-bit, so all must be in the first 2 GB.
const (
	hostTextAddress    = "0x60000000" // of the segment
	hostTextAddressNoC = "0x60001000" // of the section: the Go linker puts the headers in the page before
)

// hostPackage is the main package of the session host.
const hostPackage = "mobula/interp/host/main"

// SelfTestArchive is where BuildHost leaves the self-test cell of a host.
func SelfTestArchive(host string) string { return host + ".selftest.a" }

// BuildHost builds the session host out of Mobula's source in srcDir at outPath, and beside it the
// self-test cell. progress gets one line for each step.
func BuildHost(ctx context.Context, t Toolchain, srcDir, outPath string, progress func(string)) error {
	return BuildHostPackage(ctx, t, srcDir, hostPackage, outPath, progress)
}

// BuildHostPackage builds another main package of the module in srcDir as a session host.
func BuildHostPackage(ctx context.Context, t Toolchain, srcDir, pkg, outPath string, progress func(string)) error {
	work, err := os.MkdirTemp(filepath.Dir(outPath), "hostbuild-")
	if err != nil {
		return fmt.Errorf("make a folder for building the session host: %w", err)
	}
	defer os.RemoveAll(work)
	progress("preparing the runtime of the session host for " + t.Version)
	write := overlay.WriteWithoutC
	if t.Cgo {
		write = overlay.Write
	}
	over, err := write(t.GOROOT, t.Version, OverlayDir(outPath))
	if err != nil {
		return fmt.Errorf("build the session host: %w", err)
	}
	progress("compiling the session host (once for each Go toolchain)")
	tmp := filepath.Join(work, "host")
	if err := t.build(ctx, srcDir, append(t.HostFlags(over), "-o", tmp, pkg)); err != nil {
		return err
	}
	progress("compiling the self-test cell")
	if err := t.selfTest(ctx, work); err != nil {
		return err
	}
	if err := loader.WriteIndex(tmp, loader.IndexFile(outPath)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, "selftest.a"), SelfTestArchive(outPath)); err != nil {
		return fmt.Errorf("install the self-test cell: %w", err)
	}
	if err := os.Rename(tmp, outPath); err != nil {
		return fmt.Errorf("install the session host: %w", err)
	}
	return nil
}

// OverlayDir is where the overlay of a host lies: `go list -export` with the same overlay
// reuses what the host's build has compiled.
func OverlayDir(host string) string { return host + ".overlay" }

// HostFlags are the arguments of the go command that builds a session host.
func (t Toolchain) HostFlags(overlayFile string) []string {
	ld := "-pruneweakmap=false -linkmode=internal -T=" + hostTextAddressNoC
	switch {
	case t.Cgo && t.hasZig():
		ld = "-pruneweakmap=false -linkmode=external -extldflags=-Wl,--image-base=" + hostTextAddress
	case t.Cgo:
		ld = "-pruneweakmap=false -linkmode=external -extldflags=-Wl,-Ttext-segment=" + hostTextAddress
	}
	return []string{"build", "-overlay", overlayFile, "-tags", "mobulahost", "-ldflags", ld}
}

// hostEnv is the environment of the host's build: nothing of the user's settings for their own programs.
func (t Toolchain) hostEnv() []string {
	flag := "CGO_ENABLED=0"
	if t.Cgo {
		flag = "CGO_ENABLED=1"
	}
	return append(os.Environ(), flag, "CC="+t.CC, "GOFLAGS=-mod=mod", "GOWORK=off", "GOOS=", "GOARCH=", "GO111MODULE=on", "GOPROXY=off", "GOTOOLCHAIN=local")
}

func (t Toolchain) build(ctx context.Context, dir string, args []string) error {
	out, err := Command(ctx, dir, t.hostEnv(), t.GoCmd, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("build the session host: %w", ctx.Err())
	}
	return fmt.Errorf("build the session host: go %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
}

// selfTest compiles the cell that the host runs at its start.
func (t Toolchain) selfTest(ctx context.Context, work string) error {
	src := filepath.Join(work, "selftest.go")
	if err := os.WriteFile(src, loader.SelfTestSource(), 0o666); err != nil {
		return fmt.Errorf("write the self-test cell: %w", err)
	}
	return t.build(ctx, work, []string{"tool", "compile", "-p", "main", "-complete", "-trimpath", work, "-pack", "-o", filepath.Join(work, "selftest.a"), src})
}
