//go:build linux && amd64

package loader

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

const (
	mapFixedNoReplace = 0x100000
	sysMemfdCreate    = 319
	sysMembarrier     = 324
	memfdCloexec      = 1

	membarrierSync         = 1 << 5 // PRIVATE_EXPEDITED_SYNC_CORE
	membarrierRegisterSync = 1 << 6
)

// reserve maps all arenas one after another so that the last ends below end.
func (m *image) reserve(end uintptr) error {
	total := uintptr(0)
	for _, l := range layout {
		total += l.size
	}
	const lowest = 0x1000000
	if end < total+lowest {
		return fmt.Errorf("the session host lies at %#x: no %d MB below it for loaded code", end, total>>20)
	}
	base := (end - total) &^ (1<<21 - 1)
	for i, l := range layout {
		m.arenas[i] = arena{name: l.name, base: base, view: base, limit: l.size}
		if i != aText {
			if _, err := mmap(base, l.size, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE|mapFixedNoReplace, -1); err != nil {
				return fmt.Errorf("reserve addresses for %s: %w", l.name, err)
			}
		}
		base += l.size
	}
	if err := m.arenas[aText].mapText(); err != nil {
		return err
	}
	return nil
}

// mapText maps one anonymous file twice: executable at its address, writable elsewhere.
func (a *arena) mapText() error {
	name := []byte("mobula text\x00")
	fd, _, e := syscall.Syscall(sysMemfdCreate, uintptr(unsafe.Pointer(&name[0])), memfdCloexec, 0)
	if e != 0 {
		return fmt.Errorf("make memory for code: %w", os.NewSyscallError("memfd_create", e))
	}
	defer syscall.Close(int(fd))
	if err := syscall.Ftruncate(int(fd), int64(a.limit)); err != nil {
		return fmt.Errorf("size memory for code: %w", err)
	}
	if _, err := mmap(a.base, a.limit, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_SHARED|syscall.MAP_NORESERVE|mapFixedNoReplace, int(fd)); err != nil {
		return fmt.Errorf("map code as executable (does this system forbid it?): %w", err)
	}
	v, err := mmap(0, a.limit, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_NORESERVE, int(fd))
	if err != nil {
		return fmt.Errorf("map code as writable: %w", err)
	}
	a.view, a.writable = v, a.limit
	return nil
}

func mmap(addr, n uintptr, prot, flags, fd int) (uintptr, error) {
	p, _, e := syscall.Syscall6(syscall.SYS_MMAP, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), 0)
	if e != 0 {
		return 0, os.NewSyscallError("mmap", e)
	}
	if addr != 0 && p != addr { // a kernel before 4.17 takes the address as a hint
		syscall.Syscall(syscall.SYS_MUNMAP, p, n, 0)
		return 0, fmt.Errorf("address %#x is in use", addr)
	}
	return p, nil
}

func protectRW(addr, n uintptr) error {
	if _, _, e := syscall.Syscall(syscall.SYS_MPROTECT, addr, n, syscall.PROT_READ|syscall.PROT_WRITE); e != 0 {
		return os.NewSyscallError("mprotect", e)
	}
	return nil
}

// prepareSync must come before the first syncCores. It is absent before Linux 4.16, and takes milliseconds.
var prepareSync = sync.OnceFunc(func() { syscall.Syscall(sysMembarrier, membarrierRegisterSync, 0, 0) })

// syncCores makes every core forget instructions that it fetched ahead. The world is
// stopped, so that without the system call the wake-up of each thread does it.
func syncCores() { syscall.RawSyscall(sysMembarrier, membarrierSync, 0, 0) }

// releaseView drops the pages of the writable mapping of text from this process's resident set.
func (a *arena) releaseView() {
	syscall.Syscall(syscall.SYS_MADVISE, a.view, up(a.cur, 4096), syscall.MADV_DONTNEED)
}

// mapFile maps a file for ever; its pages are the system's to drop.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	return b, os.NewSyscallError("mmap", err)
}
