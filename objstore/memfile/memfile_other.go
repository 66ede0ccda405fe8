//go:build !linux

package memfile

// File is a segment.
type File struct{}

// Mapping is a segment in the address space of a writer.
type Mapping struct{}

// Create fails.
func Create(int64) (*File, error) { return nil, ErrUnsupported }

// Open fails.
func Open(int, int64) (*File, error) { return nil, ErrUnsupported }

// Size is 0.
func (f *File) Size() int64 { return 0 }

// Fd is no descriptor.
func (f *File) Fd() int { return -1 }

// Dup fails.
func (f *File) Dup(bool) (int, error) { return -1, ErrUnsupported }

// ReadAt fails.
func (f *File) ReadAt([]byte, int64) (int, error) { return 0, ErrUnsupported }

// WriteAt fails.
func (f *File) WriteAt([]byte, int64) (int, error) { return 0, ErrUnsupported }

// Punch fails.
func (f *File) Punch([]Range) error { return ErrUnsupported }

// Close does nothing.
func (f *File) Close() error { return nil }

// Map fails.
func (f *File) Map() (*Mapping, error) { return nil, ErrUnsupported }

// MapRead fails.
func (f *File) MapRead() (*Mapping, error) { return nil, ErrUnsupported }

// Bytes is nil.
func (m *Mapping) Bytes() []byte { return nil }

// Ensure does nothing.
func (m *Mapping) Ensure(int64) {}

// Unmap does nothing.
func (m *Mapping) Unmap() error { return nil }
