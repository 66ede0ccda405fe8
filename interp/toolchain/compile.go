package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Unit is one notebook package to compile.
type Unit struct {
	Source   string   // Go source
	Bodyless []string // link names of functions whose bodies are loaded already
	Imports  []string // import paths of Source
	EmbedCfg string   // JSON for -embedcfg, or ""
	Cgo      bool     // Source holds what only files that cgo wrote may hold
}

// CompileError is what the compiler said of a unit.
type CompileError struct{ Output string }

// Error returns the compiler's text.
func (e *CompileError) Error() string { return "compile: " + e.Output }

// Compile compiles a unit. All files are in memory, so that nothing is left behind however
// this process ends. The archive is open: Path names it for other processes of this user
// until it is closed.
func (p *Packages) Compile(ctx context.Context, u Unit) (archive *os.File, err error) {
	f, err := p.inputs(u)
	defer f.close()
	if err != nil {
		return nil, fmt.Errorf("write the unit: %w", err)
	}
	if archive, err = memoryFile("archive", ""); err != nil {
		return nil, fmt.Errorf("make the archive: %w", err)
	}
	exported, err := memoryFile("exported", "") // for packages that import this one: none does
	if err != nil {
		archive.Close()
		return nil, fmt.Errorf("make the archive: %w", err)
	}
	defer exported.Close()
	dir := os.TempDir() // only a place to be: positions are relative to it
	trim := dir + "=>"
	if u.Cgo {
		trim += ";" + f.source + "=>_cgo_unit.go" // the compiler knows cgo's files by their name
	}
	args := append([]string{"-p", "main", "-trimpath", trim, "-pack", "-c", "2", "-o", f.add(exported), "-linkobj", f.add(archive)}, f.args...)
	cmd := Command(ctx, dir, nil, p.tc.Compiler, append(args, f.source)...)
	cmd.ExtraFiles = f.files
	f.files = f.files[:len(f.files)-2] // the archive stays open
	out, err := cmd.CombinedOutput()
	switch _, refused := errors.AsType[*exec.ExitError](err); {
	case err == nil:
		return archive, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case refused:
		err = &CompileError{strings.TrimSpace(string(out))}
	default:
		err = fmt.Errorf("run the compiler: %w", err)
	}
	archive.Close()
	return nil, err
}

// Path names an open file for other processes of this user.
func Path(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// unitFiles are the inputs of the compiler as files in memory that it inherits.
type unitFiles struct {
	files  []*os.File
	args   []string
	source string
}

// add returns the name that the compiler has for an inherited file.
func (u *unitFiles) add(f *os.File) string {
	u.files = append(u.files, f)
	return fmt.Sprintf("/proc/self/fd/%d", 2+len(u.files))
}

func (u *unitFiles) close() {
	for _, f := range u.files {
		f.Close()
	}
}

func (u *unitFiles) input(name, text string) (string, error) {
	f, err := memoryFile(name, text)
	if err != nil {
		return "", err
	}
	return u.add(f), nil
}

func (p *Packages) inputs(u Unit) (*unitFiles, error) {
	var cfg, abi strings.Builder
	for _, k := range p.Closure(u.Imports) {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", k.ImportPath, k.Export)
	}
	for _, f := range u.Bodyless {
		fmt.Fprintf(&abi, "def %s ABIInternal\n", f)
	}
	f := &unitFiles{}
	inputs := []struct{ flag, text string }{{"", u.Source}, {"-importcfg", cfg.String()}, {"-symabis", abi.String()}, {"-embedcfg", u.EmbedCfg}}
	for _, in := range inputs {
		if in.text == "" && (in.flag == "-symabis" || in.flag == "-embedcfg") {
			continue
		}
		name, err := f.input("unit"+in.flag, in.text)
		if err != nil {
			return f, err
		}
		if in.flag == "" {
			f.source = name
		} else {
			f.args = append(f.args, in.flag, name)
		}
	}
	if len(u.Bodyless) == 0 {
		f.args = append(f.args, "-complete")
	}
	return f, nil
}
