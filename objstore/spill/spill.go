// Package spill keeps objects on disk: many in one file, each with a checksum. A file goes when its last object does; one of which less than
// half is needed is written anew, so that all files together have at most about twice the bytes of their objects. The
// whole directory goes when its process ends or, after a kill, when the next one starts.
//
// # Usage
//
//	d, err := spill.Open(spill.Config{Dir: "/var/tmp/mobula"})
//	err = d.Write([]spill.Object{{ID: id, Size: n, From: segment, Offset: at}})
//	err = d.Read(id, write)
//	if tidy := d.Delete(id); tidy != nil { tidy() }
//	d.Close()
//
// # Concurrency
//
// All methods may be called from any goroutine; files are written and read at the same time. Close comes after the last of them.
//
// # Testing
//
// FS stands for the disk, so that tests fill it, damage it and count what is open.
package spill

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"syscall"

	"mobula/internal/bytesize"
	"mobula/objstore"
)

// FS is a directory.
type FS interface {
	Create(name string) (File, error)
	Open(name string) (File, error)
	Remove(name string) error
	Close() error // removes what is left
}

// File is an open file.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
}

// Config says where objects go.
type Config struct {
	Dir  string // below it each process has a directory of its own
	Sync bool   // fsync each file; spilled objects do not outlive their process, so it is off
	FS   FS     // tests; nil: Dir
}

// Object is what is to be written.
type Object struct {
	ID     objstore.ID
	Size   int64
	From   io.ReaderAt
	Offset int64 // in From
}

// Disk is the objects on disk.
type Disk struct {
	fs   FS
	dir  string
	sync bool

	mu       sync.Mutex // guards below
	objects  map[objstore.ID]location
	files    map[string]*file
	lastFile int
	stats    Stats
}

// Stats are the figures of a disk, in bytes and files.
type Stats struct {
	Bytes, Written, Restored int64 // on disk; since the start
	Compacted                int64 // written anew since the start
	Files                    int
}

type location struct {
	file         *file
	offset, size int64
	sum          uint32
}

type file struct {
	name       string
	bytes      int64
	objects    map[objstore.ID]struct{} // that are needed
	needed     int64                    // bytes of these
	least      int64                    // of needed: the file is written anew where there is not more
	compacting bool                     // it is being written anew
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open takes a directory and removes what processes that have ended left in it.
func Open(c Config) (*Disk, error) {
	fs := c.FS
	if fs == nil {
		var err error
		if fs, err = openDir(c.Dir); err != nil {
			return nil, fmt.Errorf("open the spill directory %s: %w", c.Dir, err)
		}
	}
	return &Disk{fs: fs, dir: c.Dir, sync: c.Sync, objects: map[objstore.ID]location{}, files: map[string]*file{}}, nil
}

// Write writes objects into one file: all of them or none. An error of a full disk is an *objstore.OutOfDiskError.
func (d *Disk) Write(objects []Object) error {
	f := d.newFile(objects)
	d.mu.Lock()
	before := d.stats.Bytes
	d.mu.Unlock()
	locations, err := d.writeFile(f, objects)
	if err != nil {
		_ = d.fs.Remove(f.name) // it may not be there
		return d.explain(err, f.bytes, before)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range objects {
		d.objects[o.ID] = locations[i]
	}
	d.add(f)
	d.stats.Written += f.bytes
	return nil
}

func (d *Disk) newFile(objects []Object) *file {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastFile++
	f := &file{name: fmt.Sprintf("objects-%d", d.lastFile), objects: make(map[objstore.ID]struct{}, len(objects))}
	for _, o := range objects {
		f.bytes += o.Size
		f.objects[o.ID] = struct{}{}
	}
	f.needed, f.least = f.bytes, f.bytes/2
	return f
}

// add counts a file that is there; drop is the reverse. d.mu must be held.
func (d *Disk) add(f *file) {
	d.files[f.name] = f
	d.stats.Bytes += f.bytes
	d.stats.Files = len(d.files)
}

func (d *Disk) drop(f *file) {
	delete(d.files, f.name)
	d.stats.Bytes -= f.bytes
	d.stats.Files = len(d.files)
}

func (d *Disk) explain(err error, need, before int64) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return &objstore.OutOfDiskError{Path: d.dir, Need: need, Spilt: before, Cause: err.Error()}
	}
	return fmt.Errorf("spill %s to %s: %w", bytesize.Format(need), d.dir, err)
}

func (d *Disk) writeFile(f *file, objects []Object) ([]location, error) {
	w, err := d.fs.Create(f.name)
	if err != nil {
		return nil, err
	}
	locations := make([]location, len(objects))
	buf := buffers.Get().(*[chunk]byte)
	defer buffers.Put(buf)
	at := int64(0)
	for i, o := range objects {
		sum := crc32.New(castagnoli)
		if err = copyChunks(io.MultiWriter(sum, w), o.From, o.Offset, o.Size, buf[:]); err != nil {
			break
		}
		locations[i] = location{file: f, offset: at, size: o.Size, sum: sum.Sum32()}
		at += o.Size
	}
	if err == nil && d.sync {
		err = w.Sync()
	}
	if err2 := w.Close(); err == nil {
		err = err2
	}
	return locations, err
}

// chunk is how much is copied at a time: it stays in the processor's cache between the checksum and the write.
const chunk = 1 << 20

var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

func copyChunks(to io.Writer, from io.ReaderAt, offset, size int64, buf []byte) error {
	for size > 0 {
		p := buf[:min(int64(len(buf)), size)]
		if n, err := from.ReadAt(p, offset); n < len(p) {
			return err
		}
		if _, err := to.Write(p); err != nil {
			return err
		}
		offset, size = offset+int64(len(p)), size-int64(len(p))
	}
	return nil
}

// Read gives an object to write, piece by piece. The error says what is wrong with the copy on disk; the pieces that were given
// are worth nothing then.
func (d *Disk) Read(id objstore.ID, to io.Writer) error {
	l, r, err := d.open(id)
	if err != nil {
		return fmt.Errorf("read object %s from %s: %w", id, d.dir, err)
	}
	defer r.Close()
	buf := buffers.Get().(*[chunk]byte)
	defer buffers.Put(buf)
	sum := crc32.New(castagnoli)
	if err := copyChunks(io.MultiWriter(sum, to), r, l.offset, l.size, buf[:]); err != nil {
		return fmt.Errorf("read object %s from %s: %w", id, d.dir, err)
	}
	if sum.Sum32() != l.sum {
		return fmt.Errorf("read object %s from %s: %w", id, d.dir, errDamaged)
	}
	d.mu.Lock()
	d.stats.Restored += l.size
	d.mu.Unlock()
	return nil
}

var errDamaged = errors.New("the disk has damaged it (checksum)")

// open opens the file of an object, again where the object has moved to another one in the meantime.
func (d *Disk) open(id objstore.ID) (location, File, error) {
	var failed error // to open the file of failedAt
	var failedAt *file
	for {
		d.mu.Lock()
		l, ok := d.objects[id]
		d.mu.Unlock()
		if !ok {
			return l, nil, errors.New("it is not on disk")
		}
		if l.file == failedAt {
			return l, nil, failed
		}
		r, err := d.fs.Open(l.file.name)
		if err == nil {
			return l, r, nil
		}
		failed, failedAt = err, l.file
	}
}

// Delete forgets an object. Where that leaves a file without objects, or with few, the result gives room on the disk
// back, which may take a while; else it is nil.
func (d *Disk) Delete(id objstore.ID) (tidy func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.objects[id]
	if !ok {
		return nil
	}
	delete(d.objects, id)
	f := l.file
	delete(f.objects, id)
	f.needed -= l.size
	switch {
	case f.compacting: // compact sees to it
		return nil
	case len(f.objects) == 0:
		d.drop(f)
		return func() { _ = d.fs.Remove(f.name) } // what is left goes with the directory
	case f.needed <= f.least:
		f.compacting = true
		return func() { d.compact(f) }
	}
	return nil
}

// Stats returns the figures.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Close removes everything.
func (d *Disk) Close() error {
	if err := d.fs.Close(); err != nil {
		return fmt.Errorf("remove spilled objects in %s: %w", d.dir, err)
	}
	return nil
}
