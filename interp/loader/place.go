package loader

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// entryPad is what lies before a redefinable function: one instruction that does nothing
// and is long enough to become a jump. No goroutine can stand inside one instruction.
const entryPad = 8

var nop8 = []byte{0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}

const funcAlign = 32

// place gives every symbol its address.
func (j *job) place() error {
	for k, arena := range [numSections]int{secText: aText, secRO: aRO, secNoptr: aNoptr, secData: aData} {
		for _, s := range j.secs[k] {
			if err := j.placeOne(s, k, &j.l.mem.arenas[arena]); err != nil {
				return err
			}
		}
	}
	d := &j.l.mem.arenas[aData]
	_, err := d.alloc(0, 8) // the mask counts words
	d.cur = up(d.cur, 8)
	return err
}

func (j *job) placeOne(s *symbol, section int, a *arena) error {
	if section == secText {
		return j.placeText(s, a)
	}
	if s.size == 0 {
		s.bound, s.addr = true, j.l.zero
		return nil
	}
	if strings.HasPrefix(s.name, "type:.namedata.") {
		s.stripName()
	}
	s.openGap()
	p, err := a.alloc(uintptr(s.size)+s.spare(), s.alignment())
	if err != nil {
		return err
	}
	s.addr, s.out = p, a.bytes(p, uintptr(s.size))
	copy(s.out, s.data())
	return nil
}

func (j *job) placeText(s *symbol, a *arena) error {
	if s.dep {
		s.pad = entryPad
	}
	body := up(a.cur+s.pad, funcAlign)
	a.cur = body - s.pad
	p, err := a.alloc(s.pad+uintptr(s.size), 1)
	if err != nil {
		return err
	}
	out := a.bytes(p, s.pad+uintptr(s.size))
	copy(out, nop8[:s.pad])
	s.addr, s.out = p, out[s.pad:]
	copy(s.out, s.data())
	return nil
}

func (s *symbol) alignment() uintptr {
	if s.align != 0 {
		return uintptr(s.align)
	}
	if strings.HasPrefix(s.name, "go:string.") || strings.HasPrefix(s.name, "type:.namedata") || strings.HasPrefix(s.name, "type:.importpath") {
		return 1
	}
	a := uintptr(8)
	for a > 1 && uintptr(s.size) < a {
		a >>= 1
	}
	return a
}

// isType reports whether a symbol is a type descriptor.
func (s *symbol) isType() bool {
	return s.kind == kindRO && strings.HasPrefix(s.name, "type:") && !strings.HasPrefix(s.name, "type:.") && s.size >= typeSize
}

// spare is the room behind a pointer type of main that has no methods, for the day it gets some.
func (s *symbol) spare() uintptr {
	if d := s.bare(); d != nil && d[typeKind]&kindMask == kindOfPointer {
		return uncommonSize
	}
	return 0
}

// bare returns the bytes of a type descriptor of main that has no uncommon part.
func (s *symbol) bare() []byte {
	if !s.dep || !s.isType() {
		return nil
	}
	if d := s.data(); len(d) >= typeSize && d[typeTFlag]&tflagUncommon == 0 {
		return d
	}
	return nil
}

// openGap makes the same room in an unnamed struct type, between its head and its fields.
func (s *symbol) openGap() {
	d := s.bare()
	at := uncommonOffset(kindOfStruct)
	if d == nil || d[typeKind]&kindMask != kindOfStruct || len(d) < at {
		return
	}
	s.content = slices.Concat(d[:at], make([]byte, uncommonSize), d[at:])
	s.gap, s.shift, s.size = at, uncommonSize, uint32(len(s.content))
}

// stripName removes versions from the name that a type or field shows.
// The format: flags, length, name, then a tag and a package path.
func (s *symbol) stripName() {
	d := s.data()
	if !bytes.Contains(d, []byte(marker)) {
		return
	}
	n, w := binary.Uvarint(d[1:])
	if w <= 0 || n > uint64(len(d)-1-w) {
		return
	}
	name := stripVersions(string(d[1+w : 1+w+int(n)]))
	out := binary.AppendUvarint([]byte{d[0]}, uint64(len(name)))
	out = append(append(out, name...), d[1+w+int(n):]...)
	s.shift = len(out) - len(d)
	s.content, s.size = out, uint32(len(out))
}

// inlineNode is a call that was inlined.
type inlineNode struct {
	file, line, parentPC uint32
	fn                   ref
}

// inlineNodes decodes the inline tree out of a function's description.
func inlineNodes(info []byte) []inlineNode {
	if len(info) < funcInfoInlHeader {
		return nil
	}
	p := funcInfoInlHeader + 4*int(le.Uint32(info[16:]))
	if p < 0 || p+4 > len(info) {
		return nil
	}
	n := int(le.Uint32(info[p:]))
	if p += 4; n > (len(info)-p)/inlNodeSize {
		return nil
	}
	out := make([]inlineNode, n)
	for i := range out {
		e := info[p+i*inlNodeSize:]
		out[i] = inlineNode{le.Uint32(e[4:]), le.Uint32(e[8:]), le.Uint32(e[20:]), ref{le.Uint32(e[12:]), le.Uint32(e[16:])}}
	}
	return out
}

// shiftPC returns a table of program counter values for a function whose code begins pad bytes later.
func shiftPC(table []byte, pad uintptr) []byte {
	if pad == 0 || len(table) == 0 {
		return table
	}
	_, v := binary.Uvarint(table)
	if v <= 0 || v >= len(table) {
		return table
	}
	d, w := binary.Uvarint(table[v:])
	if w <= 0 {
		return table
	}
	out := binary.AppendUvarint(slices.Clone(table[:v]), d+uint64(pad))
	return append(out, table[v+w:]...)
}
