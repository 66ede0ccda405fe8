package program

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"mobula/internal/closure"
	"mobula/internal/codec"
)

// executable is a program whose code is all in its file. Names are offsets from the begin of its text.
type executable struct {
	base   uintptr
	digest string
	file   *os.File // what memory was at the start
	loaded []loadable
}

// loadable is a part of the file in memory.
type loadable struct {
	closure.Range
	offset, size int64 // in the file; memory beyond is zero at the start
	writable     bool
}

// Executable returns the running executable as a Program.
func Executable() (Program, error) { return theExecutable() }

var theExecutable = sync.OnceValues(openExecutable)

func openExecutable() (Program, error) {
	code := closure.Executable()
	if code.Text.Start == 0 {
		return nil, errors.New("the code of this executable was not found: /proc must be mounted")
	}
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("open this executable: %w", err)
	}
	x := &executable{base: code.Text.Start, file: file}
	if err := x.read(); err != nil {
		file.Close()
		return nil, fmt.Errorf("read this executable: %w", err)
	}
	return x, nil
}

func (x *executable) read() error {
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
		if p.Type == elf.PT_LOAD {
			x.loaded = append(x.loaded, loadable{
				closure.Range{Start: uintptr(p.Vaddr) + slide, End: uintptr(p.Vaddr+p.Memsz) + slide}, int64(p.Off), int64(p.Filesz), p.Flags&elf.PF_W != 0,
			})
		}
	}
	x.digest, err = digestOf(f, x.file)
	return err
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

func (x *executable) Digest() string { return x.digest }

func (x *executable) Needs([]uintptr) (Needs, error) { return Needs{}, nil }

func (x *executable) Part(n int) ([]byte, error) {
	return nil, fmt.Errorf("part %d of the code is asked for: an executable has none", n)
}

func (x *executable) Load(n int, _ []byte) error {
	return fmt.Errorf("part %d of the code has come: an executable loads none", n)
}

func (x *executable) SetEnvironment(string, codec.Encoded) error {
	return errors.New("values of variables have come: an executable takes none")
}

func (x *executable) segment(p uintptr) *loadable {
	for i := range x.loaded {
		if s := &x.loaded[i]; s.Start <= p && p < s.End {
			return s
		}
	}
	return nil
}

func (x *executable) name(p uintptr) string { return strconv.FormatInt(int64(p)-int64(x.base), 16) }

// address is the reverse of name, for what lies in the executable.
func (x *executable) address(name string) (uintptr, error) {
	offset, err := strconv.ParseInt(name, 16, 64)
	p := uintptr(int64(x.base) + offset)
	if err != nil || x.segment(p) == nil {
		return 0, fmt.Errorf("%.40q names nothing in this executable", name)
	}
	return p, nil
}

func (x *executable) TypeName(t reflect.Type) (string, error) {
	p := uintptr((*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1])
	if s := x.segment(p); s == nil || s.writable {
		return "", &codec.Error{Reason: fmt.Sprintf("type %v was made while the program ran", t), Hint: "declare it"}
	}
	return x.name(p), nil
}

func (x *executable) TypeByName(name string) (reflect.Type, error) {
	p, err := x.address(name)
	if err != nil {
		return nil, err
	}
	if s := x.segment(p); s.writable || p%8 != 0 {
		return nil, fmt.Errorf("%.40q names no type", name)
	}
	var known any = 0 // its type is like any other, with another address
	(*[2]unsafe.Pointer)(unsafe.Pointer(&known))[0] = *(*unsafe.Pointer)(unsafe.Pointer(&p))
	return reflect.TypeOf(known), nil
}

// Marks of the names of code.
const (
	plainCode   = 'p'
	captureCode = 'c' // of a function that captures something
)

func (x *executable) DescribeFunc(f reflect.Value) (codec.Func, error) {
	return describe(f, func(entry uintptr) (string, error) {
		if s := x.segment(entry); s == nil {
			return "", &codec.Error{Reason: closure.Name(entry) + " is no code of the program", Hint: "use a function of the program"}
		}
		return x.name(entry), nil
	})
}

// describe takes a func value apart; name names code.
func describe(f reflect.Value, name func(entry uintptr) (string, error)) (codec.Func, error) {
	parts, err := closure.Open(f)
	if err != nil {
		return codec.Func{}, refusal(err)
	}
	code, err := name(parts.Entry)
	if err != nil {
		return codec.Func{}, err
	}
	if !parts.Captured.IsValid() {
		return codec.Func{Code: string(plainCode) + code}, nil
	}
	return codec.Func{Code: string(captureCode) + code, Captures: parts.Captured.Addr()}, nil
}

// refusal says in the user's terms why a func value cannot leave.
func refusal(err error) error {
	hint := "wrap it in a func literal"
	if errors.Is(err, closure.ErrReflect) {
		hint = "call it through a func literal"
	}
	return &codec.Error{Reason: err.Error(), Hint: hint}
}

func (x *executable) entry(code string) (entry uintptr, captures bool, err error) {
	if code == "" {
		return 0, false, errors.New("a function without a name")
	}
	rest, plain := strings.CutPrefix(code, string(plainCode))
	if !plain {
		rest, captures = strings.CutPrefix(code, string(captureCode))
	}
	if plain == captures {
		return 0, false, fmt.Errorf("%.40q names no function", code)
	}
	entry, err = x.address(rest)
	return entry, captures, err
}

func (x *executable) CaptureType(code string, _ reflect.Type) (reflect.Type, error) {
	entry, captures, err := x.entry(code)
	if err != nil || !captures {
		return nil, err
	}
	return closure.Layout(entry)
}

func (x *executable) MakeFunc(code string, t reflect.Type, captures unsafe.Pointer) (reflect.Value, error) {
	entry, _, err := x.entry(code)
	if err != nil {
		return reflect.Value{}, err
	}
	return Func(entry, t, captures)
}

// Func makes a func of type t of its code and the object that closure.Open has as Captured, nil where nothing is captured.
func Func(entry uintptr, t reflect.Type, captures unsafe.Pointer) (reflect.Value, error) {
	if captures == nil {
		parts, err := closure.New(entry, false)
		if err != nil {
			return reflect.Value{}, err
		}
		return parts.Func(t), nil
	}
	*(*uintptr)(captures) = entry
	return reflect.NewAt(t, unsafe.Pointer(&captures)).Elem(), nil
}

// StaticName names what is as the file has it: read-only data, and variables that nobody has written to since the start. The others are
// copied, since the other process has them as they were.
func (x *executable) StaticName(p unsafe.Pointer, size uintptr) (string, uintptr, bool) {
	s := x.segment(uintptr(p))
	if s == nil || uintptr(p)+size > s.End || s.writable && !x.unchanged(s, p, size) {
		return "", 0, false
	}
	return x.name(s.Start), uintptr(p) - s.Start, true
}

// unchanged compares memory with the file.
func (x *executable) unchanged(s *loadable, p unsafe.Pointer, size uintptr) bool {
	const most = 4096 // bytes that are worth the comparison
	if size > most {
		return false
	}
	before := make([]byte, size)
	at := int64(uintptr(p) - s.Start)
	if rest := s.size - at; rest > 0 {
		if _, err := x.file.ReadAt(before[:min(rest, int64(size))], s.offset+at); err != nil {
			return false
		}
	}
	return string(before) == string(unsafe.Slice((*byte)(p), size))
}

func (x *executable) StaticVariable(name string) (codec.Static, bool) {
	p, err := x.address(name)
	if err != nil {
		return codec.Static{}, false
	}
	s := x.segment(p)
	return codec.Static{Pointer: *(*unsafe.Pointer)(unsafe.Pointer(&p)), Size: s.End - p}, true
}
