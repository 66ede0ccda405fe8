//go:build linux

package memfile

import "testing"

// BenchmarkCopy compares a copy into warm shared memory with one between slices.
func BenchmarkCopy(b *testing.B) {
	const size = 1 << 30
	src := make([]byte, size)
	for i := range src {
		src[i] = byte(i)
	}
	f, err := Create(size)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	m, err := f.Map()
	if err != nil {
		b.Fatal(err)
	}
	m.Ensure(size)
	heap := make([]byte, size)
	copy(heap, src)
	for name, dst := range map[string][]byte{"shared": m.Bytes(), "heap": heap} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				copy(dst, src)
			}
		})
	}
}
