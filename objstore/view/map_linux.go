package view

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

var pageSize = int64(os.Getpagesize())

// mmap is replaced where tests let it fail.
var mmap = func(at unsafe.Pointer, size uintptr, flags, fd int, offset int64) error {
	got, _, errno := syscall.Syscall6(syscall.SYS_MMAP, uintptr(at), size, syscall.PROT_READ|syscall.PROT_WRITE,
		uintptr(syscall.MAP_PRIVATE|syscall.MAP_FIXED|flags), uintptr(fd), uintptr(offset))
	if errno != 0 {
		return errno
	}
	if got != uintptr(at) {
		panic("mmap has mapped elsewhere than it was told to")
	}
	return nil
}

func mapFile(at unsafe.Pointer, size uintptr, fd int, offset int64) error {
	return mmap(at, size, syscall.MAP_NORESERVE, fd, offset)
}

// zapAtOnce is how much is taken out of the page tables at a time: until that is done no other thread can map anything.
const zapAtOnce = 8 << 20

// mapAnonymous puts anonymous memory in place of a mapping.
func mapAnonymous(at unsafe.Pointer, size uintptr) error {
	for done := uintptr(0); done < size; done += zapAtOnce {
		piece := unsafe.Slice((*byte)(unsafe.Add(at, done)), min(zapAtOnce, size-done))
		_ = syscall.Madvise(piece, syscall.MADV_DONTNEED) // else the mapping does it
	}
	if err := mmap(at, size, syscall.MAP_ANON, -1, 0); err != nil {
		return err
	}
	if heapName.name != nil {
		const prSetVMA, anonName = 0x53564d41, 0
		_, _, _ = syscall.Syscall6(syscall.SYS_PRCTL, prSetVMA, anonName, uintptr(at), size, uintptr(unsafe.Pointer(&heapName.name[0])), 0)
	}
	return nil
}

// heapName is what the runtime calls its heap in /proc/self/maps, with a zero at the end; nil where it has no name.
var heapName struct {
	once sync.Once
	name []byte
}

// learnName reads the name of the mapping around a block of the heap.
func learnName(block unsafe.Pointer) {
	heapName.once.Do(func() {
		f, err := os.Open("/proc/self/maps")
		if err != nil {
			return
		}
		defer f.Close()
		heapName.name = nameAt(f, uint64(uintptr(block)))
	})
}

func nameAt(maps io.Reader, at uint64) []byte {
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		bounds, rest, _ := strings.Cut(lines.Text(), " ")
		low, high, _ := strings.Cut(bounds, "-")
		from, err1 := strconv.ParseUint(low, 16, 64)
		to, err2 := strconv.ParseUint(high, 16, 64)
		if errors.Join(err1, err2) != nil || at < from || at >= to {
			continue
		}
		if _, name, ok := strings.Cut(rest, "[anon:"); ok {
			return append([]byte(strings.TrimSuffix(name, "]")), 0)
		}
		return nil
	}
	return nil
}

func readFull(fd int, p []byte, offset int64) error {
	for len(p) > 0 {
		n, err := syscall.Pread(fd, p, offset)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}
