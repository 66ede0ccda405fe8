//go:build linux

package memfile

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
)

// shared returns the node's end of a segment and a client's.
func shared(t *testing.T, write bool) (node, client *File) {
	t.Helper()
	const size = 1 << 20
	node, err := Create(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	fd, err := node.Dup(write)
	if err != nil {
		t.Fatal(err)
	}
	client, err = Open(fd, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return node, client
}

func TestWriterAndReader(t *testing.T) {
	node, writer := shared(t, true)
	m, err := writer.Map()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []int64{1, 4096, 1 << 20, 5} {
		m.Ensure(end)
	}
	copy(m.Bytes()[100:], "hello")
	got := make([]byte, 5)
	if _, err := node.ReadAt(got, 100); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := node.WriteAt([]byte("node!"), 200); err != nil || !bytes.Equal(m.Bytes()[200:205], []byte("node!")) {
		t.Fatal(err)
	}
	if err := m.Unmap(); err != nil {
		t.Fatal(err)
	}
	if _, err := node.ReadAt(got, node.Size()-2); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestReaderCannotWrite(t *testing.T) {
	_, reader := shared(t, false)
	if _, err := reader.Map(); !errors.Is(err, syscall.EACCES) {
		t.Errorf("a reader maps for writing: %v", err)
	}
	if _, err := reader.WriteAt([]byte{1}, 0); err == nil {
		t.Error("a reader writes")
	}
}

func TestSizeIsFixed(t *testing.T) {
	node, writer := shared(t, true)
	for _, size := range []int64{0, 2 << 20} {
		if err := syscall.Ftruncate(writer.Fd(), size); !errors.Is(err, syscall.EPERM) {
			t.Errorf("resized to %d: %v", size, err)
		}
	}
	fd, err := node.Dup(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fd, 5); err == nil {
		t.Error("another size than told is refused")
	}
	if err := syscall.Close(fd); !errors.Is(err, syscall.EBADF) {
		t.Error("a refused descriptor is closed")
	}
}

func blocks(t *testing.T, f *File) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Fstat(f.Fd(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestMemoryIsThereAndPunched(t *testing.T) {
	node, _ := shared(t, false)
	if got := blocks(t, node); got != 1<<20 {
		t.Errorf("%d bytes are there from the beginning", got)
	}
	if _, err := node.WriteAt([]byte("xyz"), 8191); err != nil {
		t.Fatal(err)
	}
	if err := node.Punch([]Range{{0, 8192}, {1 << 19, 1 << 18}}); err != nil {
		t.Fatal(err)
	}
	if got := blocks(t, node); got != 1<<20-8192-1<<18 {
		t.Errorf("%d bytes are left", got)
	}
	got := make([]byte, 3)
	if _, err := node.ReadAt(got, 8191); err != nil || string(got) != "\x00yz" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestImpossibleSize(t *testing.T) {
	if f, err := Create(-1); err == nil {
		f.Close()
		t.Error("a segment of -1 bytes")
	}
}
