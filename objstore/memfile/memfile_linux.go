package memfile

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// What package syscall does not name.
const (
	mfdCloexec        = 1
	mfdAllowSealing   = 2
	fAddSeals         = 1033
	sealShrinkAndGrow = 2 | 4
	fallocKeepSize    = 1
	fallocPunchHole   = 2
	madvPopulateRead  = 22
	madvPopulateWrite = 23
)

var memfdCreate = map[string]uintptr{"amd64": 319, "arm64": 279, "riscv64": 279, "loong64": 279, "ppc64le": 360, "s390x": 350}[runtime.GOARCH]

// File is a segment.
type File struct {
	fd       int
	readOnly int // a second descriptor, that cannot write; -1 in clients
	size     int64
}

// Create makes a segment whose memory is there; it cannot shrink or grow. The caller knows that the machine has so much
// left: where it has not, the system does not refuse but kills processes.
func Create(size int64) (*File, error) {
	if memfdCreate == 0 {
		return nil, ErrUnsupported
	}
	name := []byte("mobula\x00")
	fd, _, errno := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), mfdCloexec|mfdAllowSealing, 0)
	if errno != 0 {
		return nil, fmt.Errorf("make a segment of %d bytes: %w", size, errno)
	}
	f := &File{fd: int(fd), readOnly: -1, size: size}
	if err := f.init(); err != nil {
		f.Close()
		return nil, fmt.Errorf("make a segment of %d bytes: %w", size, err)
	}
	return f, nil
}

func (f *File) init() error {
	if err := syscall.Ftruncate(f.fd, f.size); err != nil {
		return fmt.Errorf("set its size: %w", err)
	}
	// Without this a limit of the control group would be felt by whoever touches the page.
	if err := retry(func() error { return syscall.Fallocate(f.fd, 0, 0, f.size) }); err != nil {
		return fmt.Errorf("get its memory: %w", err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(f.fd), fAddSeals, sealShrinkAndGrow); errno != 0 {
		return fmt.Errorf("fix its size: %w", errno)
	}
	var err error
	if f.readOnly, err = syscall.Open(fmt.Sprintf("/proc/self/fd/%d", f.fd), syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open it for reading: %w", err)
	}
	return nil
}

// Open takes over a descriptor that has come from another process.
func Open(fd int, size int64) (*File, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("use a segment: %w", err)
	}
	if st.Size != size {
		syscall.Close(fd)
		return nil, fmt.Errorf("use a segment: it has %d bytes and should have %d", st.Size, size)
	}
	return &File{fd: fd, readOnly: -1, size: size}, nil
}

// Size is fixed.
func (f *File) Size() int64 { return f.size }

// Fd is the descriptor; it stays the file's.
func (f *File) Fd() int { return f.fd }

// Dup returns a descriptor to send to another process.
func (f *File) Dup(write bool) (int, error) {
	from := f.readOnly
	if write || from < 0 {
		from = f.fd
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(from), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, fmt.Errorf("share a segment: %w", errno)
	}
	return int(fd), nil
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Pread(f.fd, p[done:], off+int64(done))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("read a segment: %w", err)
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := syscall.Pwrite(f.fd, p[done:], off+int64(done))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("write a segment: %w", err)
		}
		done += n
	}
	return done, nil
}

// Punch gives the memory of ranges back to the system; they read as zeros.
func (f *File) Punch(ranges []Range) error {
	for _, r := range ranges {
		err := retry(func() error { return syscall.Fallocate(f.fd, fallocKeepSize|fallocPunchHole, r.Offset, r.Size) })
		if err != nil {
			return fmt.Errorf("give memory back: %w", err)
		}
	}
	return nil
}

// Close gives the segment up; its memory goes with the last process that has it.
func (f *File) Close() error {
	err := syscall.Close(f.fd)
	if f.readOnly >= 0 {
		err = errors.Join(err, syscall.Close(f.readOnly))
	}
	if err != nil {
		return fmt.Errorf("close a segment: %w", err)
	}
	return nil
}

// Mapping is a segment in the address space of a process.
type Mapping struct {
	data     []byte
	populate uintptr // the advice that enters pages
	ensured  atomic.Int64
	mu       sync.Mutex // one Ensure at a time
}

// Map maps the whole segment for writing.
func (f *File) Map() (*Mapping, error) {
	return f.mapWith(syscall.PROT_READ|syscall.PROT_WRITE, madvPopulateWrite)
}

// MapRead maps the whole segment; whoever writes its bytes dies.
func (f *File) MapRead() (*Mapping, error) { return f.mapWith(syscall.PROT_READ, madvPopulateRead) }

func (f *File) mapWith(protection int, populate uintptr) (*Mapping, error) {
	data, err := syscall.Mmap(f.fd, 0, int(f.size), protection, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map a segment: %w", err)
	}
	return &Mapping{data: data, populate: populate}, nil
}

// Bytes is the segment. They are memory until Unmap, and the collector does not know them.
func (m *Mapping) Bytes() []byte { return m.data }

// ensureStep is how far Ensure goes ahead: many page faults cost ten times the copy that follows.
const ensureStep = 2 << 20

// Ensure enters the pages up to end in this process's tables, at once instead of one by one.
func (m *Mapping) Ensure(end int64) {
	if end <= m.ensured.Load() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.ensured.Load()
	to := min((end+ensureStep-1)&^(ensureStep-1), int64(len(m.data)))
	if from >= to {
		return
	}
	// Where the system cannot, each page faults by itself.
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&m.data[from])), uintptr(to-from), m.populate)
	m.ensured.Store(to)
}

// Unmap ends the mapping; nothing may use the bytes any more.
func (m *Mapping) Unmap() error {
	if err := syscall.Munmap(m.data); err != nil {
		return fmt.Errorf("unmap a segment: %w", err)
	}
	m.data = nil
	return nil
}

func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
