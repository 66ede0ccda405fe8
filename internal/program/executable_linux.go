package program

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"unsafe"

	"mobula/internal/closure"
)

// OpenImage returns the image of the running executable. loaded finds the segments of what was loaded beside it; it may be nil.
func OpenImage(loaded func(p uintptr) *Segment) (*Image, error) {
	code := closure.Executable()
	if code.Text.Start == 0 {
		return nil, errors.New("the code of this executable was not found: /proc must be mounted")
	}
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("open this executable: %w", err)
	}
	x := &Image{base: code.Text.Start, file: file, loaded: loaded}
	x.Code.Names = x
	if err := x.read(); err != nil {
		file.Close()
		return nil, fmt.Errorf("read this executable: %w", err)
	}
	return x, nil
}

func (x *Image) read() error {
	f, err := elf.NewFile(x.file)
	if err != nil {
		return err
	}
	text := f.Section(".text")
	if text == nil {
		return errors.New("it has no text")
	}
	slide := x.base - uintptr(text.Addr)
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		s := &Segment{Range: closure.Range{Start: uintptr(p.Vaddr) + slide, End: uintptr(p.Vaddr+p.Memsz) + slide}, Writable: p.Flags&elf.PF_W != 0, Code: p.Flags&elf.PF_X != 0}
		s.Unchanged = func(at unsafe.Pointer, size uintptr) bool { return x.unchanged(s.Start, p, at, size) }
		x.segments = append(x.segments, s)
	}
	x.digest, err = digestOf(f, x.file)
	return err
}

// unchanged compares memory of a segment with the file. Beyond the file's part it is zero at the start.
func (x *Image) unchanged(start uintptr, segment *elf.Prog, p unsafe.Pointer, size uintptr) bool {
	if size > MostCompared {
		return false
	}
	before := make([]byte, size)
	at := int64(uintptr(p) - start)
	if rest := int64(segment.Filesz) - at; rest > 0 {
		if _, err := x.file.ReadAt(before[:min(rest, int64(size))], int64(segment.Off)+at); err != nil {
			return false
		}
	}
	return SameBytes(p, before)
}

// digestOf identifies an executable: by the linker's build id, or by its content.
func digestOf(f *elf.File, content io.ReadSeeker) (string, error) {
	h := sha256.New()
	if s := f.Section(".note.go.buildid"); s != nil {
		data, err := s.Data()
		if err != nil {
			return "", err
		}
		h.Write(data)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		h.Write([]byte(info.String()))
	}
	if f.Section(".note.go.buildid") == nil {
		if _, err := io.Copy(h, content); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
