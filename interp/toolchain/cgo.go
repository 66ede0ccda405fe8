package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// CName is the name of the translated file in what cgo and the C compiler say.
const CName = "cell.go"

// ErrNoC is returned by TranslateC on a machine without a C compiler.
var ErrNoC = errors.New(`import "C" needs a C compiler, and none was found (or CGO_ENABLED is 0): install gcc ` +
	`(Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc; Alpine: apk add gcc musl-dev; in the Python environment of mobula: pip install ziglang), then restart the kernel`)

// CFile is a Go file that imports "C".
type CFile struct {
	Text string   // Go source
	ID   int      // tells the files of one process apart
	Dir  string   // where its #include and ${SRCDIR} begin
	Env  []string // CC, CGO_CFLAGS, CGO_LDFLAGS... as for go build
}

// Translated is what becomes of a CFile.
type Translated struct {
	Text    string   // the Go file without C, with /*line :L:C*/ comments where it differs
	Types   string   // the Go file that declares what Text mentions instead
	Library *os.File // the C part, in memory; Path names it
}

// CError is what cgo or the C compiler said of a file. Positions are those of CName.
type CError struct{ Output string }

// Error returns the output.
func (e *CError) Error() string { return e.Output }

// TranslateC takes the C out of a Go file: into a shared library, and Go declarations that call it. All files that
// the tools want lie in a folder of the cache, which is removed; what a killed process leaves there goes at the next call.
func (t Toolchain) TranslateC(ctx context.Context, f CFile) (*Translated, error) {
	if !t.Cgo {
		return nil, ErrNoC
	}
	dir, err := workDir("cgo")
	if err != nil {
		return nil, fmt.Errorf("make a folder for cgo: %w", err)
	}
	defer os.RemoveAll(dir)
	c := &cBuild{tc: t, file: f, dir: dir, env: append(t.environ(f.environ()), "TMPDIR="+dir)}
	text := f.Text + fmt.Sprintf("\n// file %d\n", f.ID) // names of C symbols are made from a digest of the text
	if err := os.WriteFile(filepath.Join(dir, CName), []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the file for cgo: %w", err)
	}
	if c.flags, err = c.cgoFlags(ctx); err != nil {
		return nil, err
	}
	if err := c.translate(ctx); err != nil {
		return nil, err
	}
	return c.outputs(ctx)
}

// environ is the environment of the C tools. Linker flags go to the library, not to Go's linker.
func (f CFile) environ() []string {
	return append(slices.Clip(f.Env), "CGO_LDFLAGS=", "CGO_ENABLED=1", "LC_ALL=C")
}

func (f CFile) variable(name, otherwise string) string {
	for _, entry := range slices.Backward(f.Env) {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return otherwise
}

// cBuild is one translation.
type cBuild struct {
	tc    Toolchain
	file  CFile
	dir   string
	env   []string
	flags cFlags
}

// translate runs the cgo tool, where the C compiler checks the C.
func (c *cBuild) translate(ctx context.Context) error {
	args := []string{"tool", "cgo", "-objdir", c.dir + string(filepath.Separator), "-trimpath", c.dir, "-importpath", "main", "--", "-I", c.file.Dir}
	args = append(append(args, c.flags.compile...), filepath.Join(c.dir, CName))
	return c.run(ctx, c.tc.GoCmd, args...)
}

// run runs a tool in the file's folder. What the tool refuses is a CError.
func (c *cBuild) run(ctx context.Context, name string, args ...string) error {
	out, err := Command(ctx, c.file.Dir, c.env, name, args...).CombinedOutput()
	switch _, refused := errors.AsType[*exec.ExitError](err); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case refused:
		return &CError{strings.TrimSpace(strings.ReplaceAll(string(out), c.dir+string(filepath.Separator), ""))}
	}
	return fmt.Errorf("run %s: %w", name, err)
}

// outputs reads the Go files and links the C files into a library.
func (c *cBuild) outputs(ctx context.Context) (*Translated, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "cell.cgo1.go"))
	if err != nil {
		return nil, fmt.Errorf("read what cgo wrote: %w", err)
	}
	_, body, found := strings.Cut(string(text), "\n//line "+CName+":1:1\n")
	if !found {
		return nil, fmt.Errorf("cgo of %s wrote a file whose beginning is unknown", c.tc.Version)
	}
	types, err := os.ReadFile(filepath.Join(c.dir, "_cgo_gotypes.go"))
	if err != nil {
		return nil, fmt.Errorf("read what cgo wrote: %w", err)
	}
	goTypes, table := c.addresses(types)
	lib := filepath.Join(c.dir, "cell.so")
	cText := filepath.Join(c.dir, "cell.cgo2.c")
	stdio := filepath.Join(c.dir, "stdio.c")
	if err := errors.Join(appendFile(cText, table), os.WriteFile(stdio, []byte(unbuffered), 0o600)); err != nil {
		return nil, fmt.Errorf("write the C part: %w", err)
	}
	cc := strings.Fields(c.file.variable("CC", c.tc.CC))
	args := append(cc[1:len(cc):len(cc)], "-shared", "-fPIC", "-pthread", "-fmessage-length=0", "-Wl,-Bsymbolic",
		"-ffile-prefix-map="+c.dir+"=.", "-I", c.dir, "-I", c.file.Dir)
	args = append(append(args, c.flags.compile...), "-o", lib, cText, stdio, filepath.Join(c.dir, "_cgo_export.c"))
	if err := c.run(ctx, cc[0], append(args, c.flags.link...)...); err != nil {
		return nil, err
	}
	so, err := os.ReadFile(lib)
	if err != nil {
		return nil, fmt.Errorf("read the library: %w", err)
	}
	mem, err := memoryFile("cell.so", string(so))
	if err != nil {
		return nil, fmt.Errorf("keep the library: %w", err)
	}
	return &Translated{Text: body, Types: goTypes, Library: mem}, nil
}

// unbuffered has what C prints appear at once, in order with what else the cell prints, and even where the host crashes.
const unbuffered = `#include <stdio.h>
__attribute__((constructor)) static void unbuffered(void) { setvbuf(stdout, NULL, _IONBF, 0); }
`

func appendFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

var (
	importedC = regexp.MustCompile(`(?m)^//go:linkname __cgo_(\w+) \w+\n//go:cgo_import_static \w+\nvar __cgo_\w+ byte$`)
	addressC  = regexp.MustCompile(`unsafe\.Pointer\(&__cgo_(\w+)\)`)
)

// addresses has the variables of C, and functions that are used as values, found through a table in the library: a
// static one has no symbol, and one symbol may be in the libraries of several cells.
func (c *cBuild) addresses(types []byte) (goText, cText string) {
	var table strings.Builder
	// Variables of Go hold the addresses, since Go code reaches only what is near.
	text := addressC.ReplaceAllString(string(types), "*(*unsafe.Pointer)(_cgo_at_$1)")
	text = importedC.ReplaceAllStringFunc(text, func(s string) string {
		name := importedC.FindStringSubmatch(s)[1]
		entry := fmt.Sprintf("_cgo_address_%d_%s", c.file.ID, name)
		fmt.Fprintf(&table, "\nvoid *const %s = (void *)&%s;\n", entry, name)
		return fmt.Sprintf("//go:linkname __cgo_%[1]s %[2]s\n//go:cgo_import_static %[2]s\nvar __cgo_%[1]s byte\n"+
			"var _cgo_at_%[1]s = unsafe.Pointer(&__cgo_%[1]s)", name, entry)
	})
	return text, table.String()
}
