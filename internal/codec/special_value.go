package codec

import (
	"net/netip"
	"reflect"
	"regexp"
	"regexp/syntax"
	"unsafe"
)

// addrSpecial writes an address as its bytes; its zone is a unique.Handle of this process.
var addrSpecial = &special{
	plain: true,
	write: func(e *encoder, p unsafe.Pointer) {
		var room [64]byte
		b, _ := (*netip.Addr)(p).AppendBinary(room[:0]) // never fails
		e.uvarint(uint64(len(b)))
		e.out = append(e.out, b...)
	},
	read: func(d *decoder, p unsafe.Pointer) {
		b := d.take(d.uvarint())
		if err := (*netip.Addr)(p).UnmarshalBinary(b); err != nil {
			d.damaged("%v", err)
		}
	},
}

// How a regular expression was compiled.
const (
	regexpNone = iota // the zero Regexp
	regexpPerl
	regexpLongest
	regexpPOSIX
)

// regexpSpecial writes the text alone: compiled, it is large.
var regexpSpecial = &special{
	write: func(e *encoder, p unsafe.Pointer) {
		re := (*regexp.Regexp)(p)
		e.uvarint(regexpMode(re))
		e.string(re.String())
	},
	read: func(d *decoder, p unsafe.Pointer) {
		mode, text := d.uvarint(), d.string()
		if mode == regexpNone || d.err != nil {
			return
		}
		compile := regexp.Compile
		if mode == regexpPOSIX {
			compile = regexp.CompilePOSIX
		}
		re, err := compile(text)
		if err != nil {
			d.damaged("%v", err)
			return
		}
		if mode == regexpLongest {
			re.Longest()
		}
		*(*regexp.Regexp)(p) = *re
	},
}

func regexpMode(re *regexp.Regexp) uint64 {
	v := reflect.ValueOf(re).Elem()
	prog := v.FieldByName("prog")
	switch {
	case prog.IsNil():
		return regexpNone
	case !v.FieldByName("longest").Bool():
		return regexpPerl
	}
	perl, err := regexp.Compile(re.String())
	if err == nil && textOf(reflect.ValueOf(perl).Elem().FieldByName("prog")) == textOf(prog) {
		return regexpLongest
	}
	return regexpPOSIX
}

func textOf(prog reflect.Value) string { return (*syntax.Prog)(prog.UnsafePointer()).String() }
