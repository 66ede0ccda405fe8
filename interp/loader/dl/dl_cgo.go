//go:build cgo && linux

package dl

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static const char *openGlobal(const char *path) {
	return dlopen(path, RTLD_NOW | RTLD_GLOBAL) ? NULL : dlerror();
}

static uintptr_t find(const char *name) { return (uintptr_t)dlsym(RTLD_DEFAULT, name); }
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Open opens a shared library for the whole process, for ever.
func Open(path string) error {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	runtime.LockOSThread() // dlerror is per thread
	defer runtime.UnlockOSThread()
	if msg := C.openGlobal(p); msg != nil {
		return errors.New(C.GoString(msg))
	}
	return nil
}

// Symbol returns the address of a C symbol of the process.
func Symbol(name string) (uintptr, bool) {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	a := uintptr(C.find(n))
	return a, a != 0
}
