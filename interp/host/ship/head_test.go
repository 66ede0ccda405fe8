package ship

import (
	"encoding/binary"
	"slices"
	"testing"
)

func headOf(names ...string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(names)))
	for _, name := range names {
		b = appendText(appendText(appendText(b, name), "-1f"), "2e0")
	}
	for _, name := range names {
		b = appendText(b, "digest of "+name)
	}
	return b
}

func TestHead(t *testing.T) {
	for _, names := range [][]string{nil, {"main.x"}, {"main.x", "main.long۰2", ""}} {
		h, rest, err := parseHead(append(headOf(names...), "values"...))
		if err != nil || !slices.Equal(h.names, names) || string(rest) != "values" || len(h.digests) != len(names) {
			t.Errorf("%q: %+v %q %v", names, h, rest, err)
		}
	}
	whole := headOf("main.x", "main.y")
	for n := range whole {
		if _, _, err := parseHead(whole[:n]); err == nil {
			t.Errorf("%d bytes of %d are taken for a head", n, len(whole))
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add(headOf("main.x", "main.y"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := parseHead(b)
		if err == nil && (len(h.names) != len(h.digests) || len(h.names) != len(h.types) || len(h.names) != len(h.addresses) || len(rest) > len(b)) {
			t.Errorf("%+v", h)
		}
	})
}
