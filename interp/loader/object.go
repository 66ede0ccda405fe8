package loader

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// ErrDamaged is wrapped by errors about archives that are not what the compiler writes.
var ErrDamaged = errors.New("damaged archive")

// object is a parsed object file. Once checked, all its offsets are good.
type object struct {
	b       []byte
	off     [numBlk]uint32
	pkgs    []string
	files   []string
	imports []string
	cgo     map[string]bool // symbols of C
	checked bool            // by checkAll
	// numbers of symbols by class; refs come last
	nsym, nh64, nhash, nnon, nref int
	refNames                      map[[2]uint32]string
}

// ref names a symbol from within an object.
type ref struct{ pkg, sym uint32 }

type reloc struct {
	off  int
	size int
	typ  uint16
	weak bool
	add  int64
	ref  ref
}

type aux struct {
	typ uint8
	ref ref
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// readArchive parses the objects of an archive file.
func readArchive(path string) ([]*object, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read compiled package: %w", err)
	}
	objs, err := parseArchive(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return objs, nil
}

// mapArchive is readArchive for a package of which single symbols are wanted: the file is mapped, and
// all but the names is checked when a symbol is taken from it (see object.checkAll).
func mapArchive(path string) ([]*object, error) {
	b, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("read compiled package: %w", err)
	}
	objs, err := parseObjects(b, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return objs, nil
}

// parseArchive parses the Go objects in an archive and checks them.
func parseArchive(b []byte) ([]*object, error) { return parseObjects(b, false) }

func parseObjects(b []byte, namesOnly bool) ([]*object, error) {
	const magic, header = "!<arch>\n", 60
	if !bytes.HasPrefix(b, []byte(magic)) {
		return nil, damaged("no archive magic")
	}
	var objs []*object
	for p := len(magic); p < len(b); {
		if len(b)-p < header {
			if len(bytes.TrimSpace(b[p:])) == 0 {
				break
			}
			return nil, damaged("member header at %d is cut off", p)
		}
		h := b[p : p+header]
		n, err := strconv.ParseUint(strings.TrimSpace(string(h[48:58])), 10, 31)
		if err != nil || int(n) > len(b)-p-header {
			return nil, damaged("member at %d has size %q", p, h[48:58])
		}
		d := b[p+header : p+header+int(n)]
		p += header + int(n)
		p += p & 1
		if bytes.HasPrefix(h, []byte("__.PKGDEF")) || !bytes.HasPrefix(d, []byte("go object ")) {
			continue
		}
		o, err := parseObject(d, namesOnly)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", strings.TrimSpace(string(h[:16])), err)
		}
		objs = append(objs, o)
	}
	if len(objs) == 0 {
		return nil, damaged("no object in it")
	}
	return objs, nil
}

func parseObject(d []byte, namesOnly bool) (*object, error) {
	before, after, ok := bytes.Cut(d, []byte("\n!\n"))
	if !ok {
		return nil, damaged("no end of the text header")
	}
	o := &object{b: after, cgo: cgoSymbols(before)}
	if len(o.b) < 20+4*numBlk || string(o.b[:8]) != objMagic {
		return nil, damaged("object format is not %q: compiled by another Go version", objMagic[1:])
	}
	for i := range o.off {
		o.off[i] = le.Uint32(o.b[20+4*i:])
		if int(o.off[i]) > len(o.b) || i > 0 && o.off[i] < o.off[i-1] {
			return nil, damaged("block %d lies at %d", i, o.off[i])
		}
	}
	o.nsym, o.nh64, o.nhash = o.count(blkSym, symSize), o.count(blkHashed64, symSize), o.count(blkHashed, symSize)
	o.nnon, o.nref = o.count(blkNonpkg, symSize), o.count(blkNonpkgref, symSize)
	if err := o.checkNames(); err != nil {
		return nil, err
	}
	if !namesOnly {
		if err := o.checkAll(); err != nil {
			return nil, err
		}
	}
	o.pkgs = o.strings(blkPkgIdx, strSize)
	o.files = o.strings(blkFile, strSize)
	o.imports = o.strings(blkAutolib, refNameSize)
	o.refNames = map[[2]uint32]string{}
	for i := range o.count(blkRefName, refNameSize) {
		p := o.off[blkRefName] + uint32(i*refNameSize)
		o.refNames[[2]uint32{o.u32(p), o.u32(p + 4)}] = o.str(p + 8)
	}
	return o, nil
}

// cgoSymbols returns the names that a cgo package imports from C, out of the object's text header.
func cgoSymbols(header []byte) map[string]bool {
	_, text, ok := bytes.Cut(header, []byte("\n$$  // cgo\n"))
	if !ok {
		return nil
	}
	text, _, _ = bytes.Cut(text, []byte("\n$$"))
	var directives [][]string
	if json.Unmarshal(text, &directives) != nil {
		return nil
	}
	names := map[string]bool{}
	for _, d := range directives {
		if len(d) >= 2 && (d[0] == "cgo_import_static" || d[0] == "cgo_import_dynamic") {
			names[d[1]] = true
		}
	}
	return names
}

func (o *object) u32(off uint32) uint32      { return le.Uint32(o.b[off:]) }
func (o *object) count(blk, size int) int    { return int(o.off[blk+1]-o.off[blk]) / size }
func (o *object) at(blk, i, size int) uint32 { return o.off[blk] + uint32(i*size) }
func (o *object) defs() int                  { return o.nsym + o.nh64 + o.nhash + o.nnon }
func (o *object) total() int                 { return o.defs() + o.nref }

// str returns the string that the pair (length, offset) at off describes. It shares the object's memory.
func (o *object) str(off uint32) string {
	n, p := o.u32(off), o.u32(off+4)
	if n == 0 {
		return ""
	}
	return unsafe.String(&o.b[p], int(n))
}

func (o *object) strings(blk, size int) []string {
	out := make([]string, o.count(blk, size))
	for i := range out {
		out[i] = o.str(o.at(blk, i, size))
	}
	return out
}

// local returns the index of a symbol that the object's own tables hold.
func (o *object) local(r ref) (int, bool) {
	i, n, base := int(r.sym), 0, 0
	switch r.pkg {
	case pkgSelf:
		n = o.nsym
	case pkgHashed64:
		n, base = o.nh64, o.nsym
	case pkgHashed:
		n, base = o.nhash, o.nsym+o.nh64
	case pkgNone:
		n, base = o.nnon+o.nref, o.nsym+o.nh64+o.nhash
	}
	return base + i, i < n
}

func (o *object) data(i int) []byte {
	if i >= o.defs() {
		return nil
	}
	p := o.at(blkDataIdx, i, 4)
	return o.b[o.off[blkData]+o.u32(p) : o.off[blkData]+o.u32(p+4)]
}

func (o *object) relocs(i int) iter.Seq[reloc] {
	return func(yield func(reloc) bool) {
		if i >= o.defs() {
			return
		}
		p := o.at(blkRelocIdx, i, 4)
		for k, e := o.u32(p), o.u32(p+4); k < e; k++ {
			if !yield(o.reloc(int(k))) {
				return
			}
		}
	}
}

func (o *object) reloc(k int) reloc {
	b := o.b[o.at(blkReloc, k, relocSize):]
	t := le.Uint16(b[5:])
	return reloc{
		off: int(int32(le.Uint32(b))), size: int(b[4]), typ: t &^ relWeak, weak: t&relWeak != 0,
		add: int64(le.Uint64(b[7:])), ref: ref{le.Uint32(b[15:]), le.Uint32(b[19:])},
	}
}

func (o *object) auxes(i int) iter.Seq[aux] {
	return func(yield func(aux) bool) {
		if i >= o.defs() {
			return
		}
		p := o.at(blkAuxIdx, i, 4)
		for k, e := o.u32(p), o.u32(p+4); k < e; k++ {
			q := o.at(blkAux, int(k), auxSize)
			if !yield(aux{o.b[q], ref{o.u32(q + 1), o.u32(q + 5)}}) {
				return
			}
		}
	}
}

// find returns the definition of a name, or -1. Hashed symbols have no names of their own.
func (o *object) find(name string, abi uint16) int {
	for i := range o.defs() {
		if i >= o.nsym && i < o.nsym+o.nh64+o.nhash {
			continue
		}
		p := o.at(blkSym, i, symSize)
		if int(o.u32(p)) != len(name) || o.str(p) != name {
			continue
		}
		if o.b[p+10] == kindText && le.Uint16(o.b[p+8:]) != abi {
			continue
		}
		return i
	}
	return -1
}
