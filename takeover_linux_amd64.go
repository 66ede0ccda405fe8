//go:build !mobulahost

package mobula

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"syscall"
	"unsafe"
)

// mainMain is the program's main. The empty assembly file lets it have no body here.
//
//go:linkname mainMain main.main
func mainMain()

// takeOver has f run instead of the program's main, which has not begun: its first instructions become a jump. So a worker is the same
// executable, with all packages initialised, and programs need nothing for it in their main.
func takeOver(f func()) error {
	entry := reflect.ValueOf(mainMain).Pointer()
	code := []byte{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0} // MOVQ $f, AX; JMP AX
	binary.LittleEndian.PutUint64(code[2:], uint64(reflect.ValueOf(f).Pointer()))
	page := uintptr(syscall.Getpagesize())
	start := entry &^ (page - 1)
	end := (entry + uintptr(len(code)) + page - 1) &^ (page - 1)
	pages := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&start))), end-start)
	if err := syscall.Mprotect(pages, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC); err != nil {
		return fmt.Errorf("make the code of main writable: %w", err)
	}
	copy(pages[entry-start:], code)
	return syscall.Mprotect(pages, syscall.PROT_READ|syscall.PROT_EXEC)
}
