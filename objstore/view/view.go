// Package view gives readers an object in shared memory as ordinary Go memory: a block of the Go heap with the object's pages
// mapped over it, privately and copied on write. The collector tracks every slice of it, so the object stays
// mapped until the last one has gone; a stray write stays in this process.
//
// Rules that keep the heap sound, each a trap if broken:
//
//   - The block is allocated without pointers and is at least as big as a large object of the allocator, so that it has its pages for itself.
//   - Only whole pages inside the block are mapped; the rest of the last page is copied.
//   - The pages are put back by a finalizer, not by a cleanup: a block with a finalizer is swept one cycle later, whereas a
//     cleanup may run when the allocator has already handed the block out again, with foreign pages in it.
//   - Where pages cannot be put back, the block is kept for ever and tried again, and its release is not reported.
//   - Fresh anonymous pages get the name of the heap's, so that the system joins them to their neighbours: a process may have
//     only some 65,000 mappings, and the Go runtime ends it where there are no more. The number of views is bounded for the same reason.
//
// # Usage
//
//	v, err := view.Map(fd, offset, size, func() { unpin() })
//	data := v.Bytes() // or any slice of it; unpin is called some time after the last has gone
//	v.Release()       // at once; slices that are left read as zeros
//
// # Concurrency
//
// All functions may be called from any goroutine. The release function is called once, from the runtime's finalizer goroutine or from Release:
// it must not block.
//
// # Testing
//
// Stress under the collector, FreeOSMemory and reuse of blocks, with and without -race; failing system calls are injected.
package view

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// MinSize is the size below which a copy is cheaper than a view; the allocator gives blocks of this size pages of their own.
const MinSize = 64 << 10

// MaxViews bounds the views of a process.
const MaxViews = 16384

var (
	// ErrTooMany says that the process has MaxViews views: copy instead.
	ErrTooMany = errors.New("too many views of objects in this process")
	// ErrUnsupported says that objects cannot be mapped here: copy instead.
	ErrUnsupported = errors.New("objects cannot be mapped over the heap here")
)

var live atomic.Int64

// View is an object mapped over a block of the heap.
type View struct {
	data  []byte
	block *byte // begin of the block
	m     *mapping
}

// mapping is what the finalizer knows; it must not point to the block.
type mapping struct {
	size    uintptr // bytes that are mapped
	bytes   int64   // of the object
	release func()
	ended   atomic.Bool
	clean   atomic.Bool // the block has pages of its own again
}

// Map maps size bytes of a file from offset, which is a multiple of the page size. Nobody may change them
// until release has been called.
func Map(fd int, offset, size int64, release func()) (*View, error) {
	if size < MinSize || offset%pageSize != 0 {
		return nil, fmt.Errorf("map %d bytes at %d: %w", size, offset, ErrUnsupported)
	}
	if live.Add(1) > MaxViews {
		live.Add(-1)
		return nil, ErrTooMany
	}
	retryStuck()
	block := allocate(size)
	mapped := size &^ (pageSize - 1)
	if uintptr(unsafe.Pointer(block))%uintptr(pageSize) != 0 {
		live.Add(-1)
		return nil, fmt.Errorf("map over a block at %p: %w", block, ErrUnsupported)
	}
	learnName(unsafe.Pointer(block))
	data := unsafe.Slice(block, size)
	if err := readFull(fd, data[mapped:], offset+mapped); err != nil {
		live.Add(-1)
		return nil, fmt.Errorf("read the end of an object: %w", err)
	}
	if err := mapFile(unsafe.Pointer(block), uintptr(mapped), fd, offset); err != nil {
		putBackOrKeep(&mapping{size: uintptr(mapped), release: func() {}}, block) // a failed call may have unmapped the block
		return nil, fmt.Errorf("map %d bytes: %w: %w", size, ErrUnsupported, err)
	}
	m := &mapping{size: uintptr(mapped), bytes: size, release: release}
	runtime.SetFinalizer(block, m.finalize)
	return &View{data: data, block: block, m: m}, nil
}

// Bytes are the object. They may be written; the object does not change.
func (v *View) Bytes() []byte { return v.data }

// Release ends the view now. The caller promises that nobody needs its slices; those that are left read as zeros.
func (v *View) Release() { v.m.end(v.block) }

// Live is the number of views of this process.
func Live() int { return int(live.Load()) }

func (m *mapping) end(block *byte) {
	if m.ended.CompareAndSwap(false, true) {
		putBackOrKeep(m, block)
	}
}

// pools hold blocks that the collector has found unused, by size class. They keep the allocator, which clears, counts and
// collects by the gigabyte, out of the way; a sync.Pool gives up what two cycles have not used.
var pools [4 * 64]sync.Pool

// class returns the least class of blocks for size bytes, in steps of a quarter to an eighth, and the size of its blocks.
func class(size int64) (index int, bytes int64) {
	shift := bits.Len64(uint64(size-1)) - 3
	quarters := (size-1)>>shift + 1 // 5 to 8
	return shift*4 + int(quarters-5), quarters << shift
}

// allocate returns a block of whole pages, not cleared.
func allocate(size int64) *byte {
	index, bytes := class(size)
	if block, ok := pools[index].Get().(*byte); ok {
		return block
	}
	var b strings.Builder // the one door to memory that is not cleared
	b.Grow(int((bytes + pageSize - 1) &^ (pageSize - 1)))
	b.WriteByte(0)
	return unsafe.StringData(b.String())
}

// finalize ends a mapping of which no slice is left: only then may the block serve again. After Release alone it must
// not, for a slice that is left would see the next object.
func (m *mapping) finalize(block *byte) {
	m.end(block)
	if m.clean.Load() {
		index, _ := class(m.bytes)
		pools[index].Put(block)
	}
}

// stuck are blocks whose pages could not be put back. They are never given to the allocator with foreign pages in them.
var stuck struct {
	sync.Mutex
	blocks []stuckBlock
	count  atomic.Int64
}

type stuckBlock struct {
	m     *mapping
	block *byte
}

func putBackOrKeep(m *mapping, block *byte) {
	if err := mapAnonymous(unsafe.Pointer(block), m.size); err != nil {
		stuck.Lock()
		defer stuck.Unlock()
		stuck.blocks = append(stuck.blocks, stuckBlock{m, block})
		stuck.count.Add(1)
		return
	}
	runtime.KeepAlive(block)
	m.clean.Store(true)
	live.Add(-1)
	m.release()
}

func retryStuck() {
	if stuck.count.Load() == 0 {
		return
	}
	stuck.Lock()
	blocks := stuck.blocks
	stuck.blocks = nil
	stuck.count.Store(0)
	stuck.Unlock()
	for _, s := range blocks {
		putBackOrKeep(s.m, s.block)
	}
}
