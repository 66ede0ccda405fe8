package loader

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unsafe"
)

// hostSymbols is the symbol table of the running executable: an open hash table over the
// table in the file, as most names are never asked for.
type hostSymbols struct {
	syms, names []byte
	table       []uint32 // 1 + index of the symbol, 0: empty
	mask        uint32
	tls         int64 // offset of runtime.tlsg from the thread pointer
	caches      []cacheSym
}

// cacheSym is a cache of a type assertion (or a switch) that compiled code fills.
type cacheSym struct {
	addr uintptr
	sw   bool
}

const elfSymSize = 24

// readHostSymbols reads the table of an executable.
func readHostSymbols(path string) (*hostSymbols, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the session host's executable: %w", err)
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("read the session host's executable: %w", err)
	}
	h := &hostSymbols{}
	sec := e.SectionByType(elf.SHT_SYMTAB)
	if sec == nil || int(sec.Link) >= len(e.Sections) {
		return nil, errors.New("the session host was built without symbols (-ldflags -s): build it anew")
	}
	if h.syms, err = readSection(f, sec); err != nil {
		return nil, err
	}
	if h.names, err = readSection(f, e.Sections[sec.Link]); err != nil {
		return nil, err
	}
	h.index()
	h.tls = -8
	if v, ok := h.lookup("runtime.tlsg"); ok {
		for _, p := range e.Progs {
			if p.Type == elf.PT_TLS {
				h.tls = int64(v) - int64(up(uintptr(p.Memsz), uintptr(max(p.Align, 1))))
			}
		}
	}
	return h, nil
}

func readSection(r io.ReaderAt, s *elf.Section) ([]byte, error) {
	b := make([]byte, s.FileSize)
	if _, err := r.ReadAt(b, int64(s.Offset)); err != nil {
		return nil, fmt.Errorf("read section %s of the session host: %w", s.Name, err)
	}
	return b, nil
}

func (h *hostSymbols) index() {
	n := len(h.syms) / elfSymSize
	size := uint32(1024)
	for int(size) < 2*n {
		size *= 2
	}
	h.table, h.mask = make([]uint32, size), size-1
	for i := n - 1; i >= 0; i-- { // of equal names the last, which is the global one, is found first
		s := h.syms[i*elfSymSize:]
		name := h.name(i)
		if le.Uint16(s[6:]) == uint16(elf.SHN_UNDEF) || name == "" {
			continue
		}
		h.noteCache(name, uintptr(le.Uint64(s[8:])))
		p := hashName(name) & h.mask
		for ; h.table[p] != 0; p = (p + 1) & h.mask {
		}
		h.table[p] = uint32(i + 1)
	}
}

// noteCache remembers the caches of assertions and switches.
func (h *hostSymbols) noteCache(name string, addr uintptr) {
	i := strings.Index(name, "..")
	if i < 0 {
		return
	}
	if s := name[i+2:]; strings.HasPrefix(s, "typeAssert.") || strings.HasPrefix(s, "interfaceSwitch.") {
		h.caches = append(h.caches, cacheSym{addr, s[0] == 'i'})
	}
}

func (h *hostSymbols) name(i int) string {
	p := le.Uint32(h.syms[i*elfSymSize:])
	if int(p) >= len(h.names) {
		return ""
	}
	b := h.names[p:]
	n := bytes.IndexByte(b, 0)
	if n <= 0 {
		return ""
	}
	return strings.TrimPrefix(unsafe.String(&b[0], n), "local.")
}

func (h *hostSymbols) lookup(name string) (uintptr, bool) {
	for p := hashName(name) & h.mask; h.table[p] != 0; p = (p + 1) & h.mask {
		if i := int(h.table[p] - 1); h.name(i) == name {
			return uintptr(le.Uint64(h.syms[i*elfSymSize+8:])), true
		}
	}
	return 0, false
}

// hashName is FNV-1a.
func hashName(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// find returns the address of a symbol of the executable by its name in object files.
func (h *hostSymbols) find(name string, abi uint16, text bool) (uintptr, bool) {
	if text && abi == 0 {
		if a, ok := h.lookup(name + ".abi0"); ok {
			return a, true
		}
	}
	return h.lookup(mangle(name))
}
