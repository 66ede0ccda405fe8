package bytesize

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"4096": 4096, "2GB": 2e9, "1.5 GiB": 3 << 29, "1KiB": 1024, "7 B": 7, "-1KB": -1000, " 2gib ": 2 << 30, "4Gi": 4 << 30, "4g": 4e9, "8b": 8, "1TiB": 1 << 40,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "GB", "x", "1XB", "1BB", "1ib", "9999999999GB", "NaN", "inf", "0x1B"} {
		n, err := Parse(text)
		if e, ok := errors.AsType[*Error](err); !ok || e.Text != text {
			t.Errorf("%q is %d bytes, %v", text, n, err)
		}
	}
}

func TestFormat(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 2 << 30: "2 GiB", 3 << 41: "6 TiB", -2048: "-2 KiB"} {
		if got := Format(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1.5GiB")
	f.Add("-3 kb")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(Format(n))
		if err != nil {
			t.Errorf("%q is %d, written %q: %v", text, n, Format(n), err)
		}
		if off := float64(again) - float64(n); off > float64(max(n, -n))/20 || -off > float64(max(n, -n))/20 {
			t.Errorf("%q is %d, then %d", text, n, again)
		}
	})
}
