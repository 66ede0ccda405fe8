package loader

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unsafe"
)

// hostSymbols is the symbol table of the running executable: an open hash table over the
// table in the file, as most names are never asked for. The hash table comes from an
// index file, or is made at the start.
type hostSymbols struct {
	syms, names []byte
	key         [sha256.Size]byte // of the executable's layout
	table       []byte            // words: 1 + index of the symbol, 0: empty
	mask        uint32
	start       uintptr // where the executable begins
	tls         int64   // offset of runtime.tlsg, the word that holds the goroutine, from the thread pointer
	tlsSize     int64   // of the executable's thread-local data, 0: none
	caches      []cacheSym
	packages    []string // import paths of which something is linked in
}

// cacheSym is a cache of a type assertion (or a switch) that compiled code fills.
type cacheSym struct {
	addr uintptr
	sw   bool
}

const elfSymSize = 24

// IndexFile is where the index of an executable's symbols lies.
func IndexFile(exe string) string { return exe + ".symbols" }

// WriteIndex writes the index of an executable's symbols, so that its start need not make it.
func WriteIndex(exe, out string) error {
	h, err := openHost(exe)
	if err != nil {
		return err
	}
	if err := h.index(); err != nil {
		return err
	}
	b := append([]byte(indexMagic), h.key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.tls))
	b = binary.LittleEndian.AppendUint32(b, h.mask)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.caches)))
	for _, c := range h.caches {
		a := uint64(c.addr) << 1
		if c.sw {
			a |= 1
		}
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	b = append(append(b, h.table...), strings.Join(h.packages, "\n")...)
	if err := os.WriteFile(out, b, 0o666); err != nil {
		return fmt.Errorf("write the index of the session host's symbols: %w", err)
	}
	return nil
}

const indexMagic = "mobulai1"

// readHostSymbols reads the table of an executable. index may not exist.
func readHostSymbols(exe, index string) (*hostSymbols, error) {
	h, err := openHost(exe)
	if err != nil {
		return nil, err
	}
	if h.readIndex(index) {
		return h, nil
	}
	return h, h.index()
}

// readIndex takes the hash table from a file that was made for this executable.
func (h *hostSymbols) readIndex(file string) bool {
	const head = len(indexMagic) + sha256.Size + 16
	b, err := mapFile(file)
	if err != nil || len(b) < head || string(b[:len(indexMagic)]) != indexMagic || !bytes.Equal(b[len(indexMagic):head-16], h.key[:]) {
		return false
	}
	mask, n := le.Uint32(b[head-8:]), int(le.Uint32(b[head-4:]))
	end := head + 8*n + 4*(int(mask)+1)
	if len(b) < end {
		return false
	}
	h.packages = strings.Split(string(b[end:]), "\n")
	for i := range n {
		a := le.Uint64(b[head+8*i:])
		h.caches = append(h.caches, cacheSym{uintptr(a >> 1), a&1 != 0})
	}
	h.mask, h.table, h.tls = mask, b[head+8*n:end], int64(le.Uint64(b[head-16:]))
	return true
}

// openHost maps an executable and finds its symbol table.
func openHost(exe string) (*hostSymbols, error) {
	b, err := mapFile(exe)
	if err != nil {
		return nil, fmt.Errorf("open the session host's executable: %w", err)
	}
	e, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read the session host's executable: %w", err)
	}
	sec := e.SectionByType(elf.SHT_SYMTAB)
	if sec == nil || int(sec.Link) >= len(e.Sections) {
		return nil, errors.New("the session host was built without symbols (-ldflags -s): build it anew")
	}
	h := &hostSymbols{tls: -8}
	sum := sha256.New()
	fmt.Fprintln(sum, len(b))
	for _, s := range e.Sections {
		fmt.Fprintln(sum, s.SectionHeader)
		if s.Type == elf.SHT_NOTE && int(s.Offset+s.FileSize) <= len(b) {
			sum.Write(b[s.Offset : s.Offset+s.FileSize]) // the build identifier
		}
	}
	sum.Sum(h.key[:0])
	str := e.Sections[sec.Link]
	if max(sec.Offset+sec.FileSize, str.Offset+str.FileSize) > uint64(len(b)) {
		return nil, errors.New("the session host's executable is cut off: build it anew")
	}
	h.syms, h.names = b[sec.Offset:sec.Offset+sec.FileSize], b[str.Offset:str.Offset+str.FileSize]
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && (h.start == 0 || uintptr(p.Vaddr) < h.start) {
			h.start = uintptr(p.Vaddr)
		}
		if p.Type == elf.PT_TLS {
			h.tlsSize = int64(up(uintptr(p.Memsz), uintptr(max(p.Align, 1))))
		}
	}
	return h, nil
}

// index makes the hash table.
func (h *hostSymbols) index() error {
	n := len(h.syms) / elfSymSize
	size := uint32(1024)
	for int(size) < 2*n {
		size *= 2
	}
	h.table, h.mask = make([]byte, 4*size), size-1
	for i := n - 1; i >= 0; i-- { // of equal names the last, which is the global one, is found first
		name := h.name(i)
		if le.Uint16(h.syms[i*elfSymSize+6:]) == uint16(elf.SHN_UNDEF) || name == "" {
			continue
		}
		h.noteCache(name, uintptr(le.Uint64(h.syms[i*elfSymSize+8:])))
		p := hashName(name) & h.mask
		for ; h.slot(p) != 0; p = (p + 1) & h.mask {
		}
		le.PutUint32(h.table[4*p:], uint32(i+1))
	}
	if err := h.listPackages(); err != nil {
		return err
	}
	if h.tlsSize == 0 {
		return nil // the Go linker's own layout
	}
	v, ok := h.lookup("runtime.tlsg")
	if !ok {
		return errors.New("the session host's symbols lack runtime.tlsg: build it anew")
	}
	h.tls = int64(v) - h.tlsSize
	return nil
}

// listPackages collects the import paths in the names of Go functions and variables.
func (h *hostSymbols) listPackages() error {
	var bounds [4]uintptr
	for i, name := range []string{"runtime.text", "runtime.etext", "runtime.noptrdata", "runtime.end"} {
		a, ok := h.lookup(name)
		if !ok {
			return fmt.Errorf("the session host's symbols lack %s: build it anew", name)
		}
		bounds[i] = a
	}
	seen := map[string]bool{}
	for i := range len(h.syms) / elfSymSize {
		a, name := uintptr(le.Uint64(h.syms[i*elfSymSize+8:])), h.name(i)
		if (a < bounds[0] || a >= bounds[1]) && (a < bounds[2] || a >= bounds[3]) || strings.HasPrefix(name, "type:") || strings.HasPrefix(name, "go:") {
			continue
		}
		p := packageOf(name)
		if p == "" || p == "main" || strings.ContainsAny(p, " *(){}$·") || len(name) < len(p)+2 || name[len(p)+1] <= '9' && name[len(p)+1] != '(' {
			continue // not of Go: completed.0
		}
		seen[p] = true
	}
	h.packages = slices.Sorted(maps.Keys(seen))
	return nil
}

func (h *hostSymbols) slot(p uint32) uint32 { return le.Uint32(h.table[4*p:]) }

// noteCache remembers the caches of assertions and switches.
func (h *hostSymbols) noteCache(name string, addr uintptr) {
	_, s, ok := strings.Cut(name, "..")
	if !ok {
		return
	}
	if strings.HasPrefix(s, "typeAssert.") || strings.HasPrefix(s, "interfaceSwitch.") {
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
	for p := hashName(name) & h.mask; h.slot(p) != 0; p = (p + 1) & h.mask {
		if i := int(h.slot(p) - 1); i < len(h.syms)/elfSymSize && h.name(i) == name {
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
