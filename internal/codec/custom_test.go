package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// picture is a type that writes itself: its pixels travel as a buffer.
type picture struct {
	width  int
	pixels []byte
	area   int // derived
}

var errBlurred = errors.New("the picture is blurred")

func init() {
	Register(reflect.TypeFor[picture](), Custom{
		EncodeBuffers: func(_ Host, p unsafe.Pointer) (Encoded, error) {
			x := (*picture)(p)
			if x.width < 0 {
				return Encoded{}, errBlurred
			}
			return Encoded{Head: []byte{byte(x.width)}, Buffers: [][]byte{x.pixels}}, nil
		},
		DecodeBuffers: func(_ Host, m Encoded, p unsafe.Pointer) error {
			if len(m.Head) != 1 || len(m.Buffers) != 1 {
				return fmt.Errorf("%w: a picture of %d bytes and %d buffers", ErrDamaged, len(m.Head), len(m.Buffers))
			}
			total := 0
			for _, b := range m.Buffers[0] { // the buffer is complete
				total += int(b)
			}
			*(*picture)(p) = picture{width: int(m.Head[0]), pixels: m.Buffers[0], area: total}
			return nil
		},
	})
}

func pixels(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 1
	}
	return b
}

func TestCustomBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1 << 20} {
		x := &picture{width: 3, pixels: pixels(n)}
		type album struct {
			first  *picture
			again  *picture
			inside picture
			any    any
			byName map[string]picture
			list   []picture
		}
		got := copyOf(t, newRegistry(&picture{}, picture{}), &album{x, x, *x, x, map[string]picture{"x": *x}, []picture{*x, {width: 9, pixels: x.pixels[:n/2]}}})
		for i, p := range []*picture{got.first, &got.inside, got.any.(*picture), new(got.byName["x"]), &got.list[0]} {
			if p.width != 3 || p.area != n || len(p.pixels) != n {
				t.Errorf("%d bytes: picture %d is %d wide and has %d of %d pixels", n, i, p.width, p.area, len(p.pixels))
			}
		}
		if got.first != got.again || got.any.(*picture) != got.first {
			t.Error("a picture lost its identity")
		}
		if n > 1 && (&got.inside.pixels[0] != &got.first.pixels[0] || &got.list[1].pixels[0] != &got.first.pixels[0] || got.list[1].area != n/2) {
			t.Error("pictures no longer share their pixels")
		}
	}
}

// TestCustomBuffersAreSentOnce: parts of one array are one buffer, which is the memory of the value, and becomes that of the decoded one.
func TestCustomBuffersAreSentOnce(t *testing.T) {
	all := pixels(1 << 20)
	h := newRegistry()
	list := []picture{{pixels: all[:800_000]}, {pixels: all[500_000:]}, {pixels: all[10:20]}}
	message, err := Encode(h, reflect.ValueOf(&list).Elem(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(message.Buffers) != 1 || len(message.Buffers[0]) != len(all) || &message.Buffers[0][0] != &all[0] || len(message.Head) > 1000 {
		t.Fatalf("%d buffers and a head of %d bytes", len(message.Buffers), len(message.Head))
	}
	var got []picture
	if err := Decode(h, message, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	if &got[1].pixels[0] != &all[500_000] || got[2].area != 10 {
		t.Error("the pixels were copied")
	}
}

// TestCustomBuffersBesideSlices: what a custom calls bytes may be floats elsewhere in the value.
func TestCustomBuffersBesideSlices(t *testing.T) {
	floats := make([]float64, 20_000)
	floats[19_999] = 5
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&floats[0])), 8*len(floats))
	got := copyOf(t, newRegistry(), &struct {
		floats []float64
		p      picture
		bytes  []byte
	}{floats, picture{pixels: bytes}, nil})
	if got.floats[19_999] != 5 || len(got.p.pixels) != len(bytes) {
		t.Errorf("%v, %d bytes", got.floats[19_999], len(got.p.pixels))
	}
}

func TestCustomRefuses(t *testing.T) {
	value := struct{ list []picture }{[]picture{{}, {width: -1}}}
	_, err := Encode(newRegistry(), reflect.ValueOf(&value).Elem(), Options{Name: "value"})
	if err == nil || !strings.Contains(err.Error(), "value.list[1]: codec.picture cannot leave this process: the picture is blurred") {
		t.Error(err)
	}
}

func TestDamagedCustom(t *testing.T) {
	for _, n := range []int{100, 1 << 17} {
		value := []picture{{width: 1, pixels: pixels(n)}, {width: 2, pixels: pixels(n)[:n/2]}}
		h := newRegistry()
		message, err := Encode(h, reflect.ValueOf(&value).Elem(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []picture
		into := reflect.ValueOf(&got).Elem()
		for i := headerSize; i < len(message.Head); i++ {
			head := append([]byte(nil), message.Head...)
			for _, flip := range []byte{1, 0x7f, 0xff} {
				head[i] = message.Head[i] ^ flip
				_ = Decode(h, Encoded{Head: head, Buffers: message.Buffers}, into) // must not panic
			}
			if err := Decode(h, Encoded{Head: message.Head[:i], Buffers: message.Buffers}, into); err == nil {
				t.Errorf("%d of %d bytes are enough", i, len(message.Head))
			}
		}
	}
}

// TestRegisterLate: a package that is loaded later changes how a type travels that was seen before.
func TestRegisterLate(t *testing.T) {
	type late struct{ pixels []byte }
	type holder struct{ list []*late }
	value := &holder{[]*late{{pixels(100)}}}
	if got := copyOf(t, newRegistry(), value); len(got.list[0].pixels) != 100 {
		t.Fatal(got)
	}
	Register(reflect.TypeFor[late](), Custom{
		EncodeBuffers: func(_ Host, p unsafe.Pointer) (Encoded, error) {
			return Encoded{Buffers: [][]byte{(*late)(p).pixels[:50]}}, nil
		},
		DecodeBuffers: func(_ Host, m Encoded, p unsafe.Pointer) error {
			(*late)(p).pixels = m.Buffers[0]
			return nil
		},
	})
	if got := copyOf(t, newRegistry(), value); len(got.list[0].pixels) != 50 {
		t.Errorf("%d pixels", len(got.list[0].pixels))
	}
}
