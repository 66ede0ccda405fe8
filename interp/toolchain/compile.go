package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Unit is one notebook package to compile.
type Unit struct {
	Source   string   // Go source
	Bodyless []string // link names of functions whose bodies are loaded already
	Imports  []string // import paths of Source
	EmbedCfg string   // JSON for -embedcfg, or ""
}

// CompileError is what the compiler said of a unit.
type CompileError struct{ Output string }

// Error returns the compiler's text.
func (e *CompileError) Error() string { return "compile: " + e.Output }

// Compile writes the archive of a unit as dir/name.a. dir must be private to the caller.
func (p *Packages) Compile(ctx context.Context, dir, name string, u Unit) (archive string, err error) {
	base := filepath.Join(dir, name)
	if err := p.writeInputs(base, u); err != nil {
		return "", err
	}
	args := []string{"-p", "main", "-trimpath", dir + "=>", "-importcfg", base + ".cfg", "-pack", "-c", "2", "-o", base + ".a"}
	if len(u.Bodyless) > 0 {
		args = append(args, "-symabis", base+".abi")
	} else {
		args = append(args, "-complete")
	}
	if u.EmbedCfg != "" {
		args = append(args, "-embedcfg", base+".embed")
	}
	cmd := Command(ctx, dir, nil, p.tc.Compiler, append(args, base+".go")...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", &CompileError{strings.TrimSpace(string(out))}
	}
	if err != nil {
		return "", fmt.Errorf("run the compiler: %w", err)
	}
	return base + ".a", nil
}

func (p *Packages) writeInputs(base string, u Unit) error {
	var cfg, abi bytes.Buffer
	for _, k := range p.Closure(u.Imports) {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", k.ImportPath, k.Export)
	}
	for _, f := range u.Bodyless {
		fmt.Fprintf(&abi, "def %s ABIInternal\n", f)
	}
	files := []struct{ suffix, text string }{{".go", u.Source}, {".cfg", cfg.String()}, {".abi", abi.String()}, {".embed", u.EmbedCfg}}
	for _, f := range files {
		if f.text == "" && (f.suffix == ".abi" || f.suffix == ".embed") {
			continue
		}
		if err := os.WriteFile(base+f.suffix, []byte(f.text), 0o600); err != nil {
			return fmt.Errorf("write the unit: %w", err)
		}
	}
	return nil
}
