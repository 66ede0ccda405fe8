package codec

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// known are values of the standard library that programs compare by identity: they
// become those of the other process. Names are part of the format.
var known = sync.OnceValue(func() *knownTable {
	t := &knownTable{pointers: map[string]any{}, names: map[unsafe.Pointer]string{}}
	for name, v := range map[string]any{
		"io.EOF": io.EOF, "io.ErrUnexpectedEOF": io.ErrUnexpectedEOF, "io.ErrClosedPipe": io.ErrClosedPipe,
		"io.ErrNoProgress": io.ErrNoProgress, "io.ErrShortBuffer": io.ErrShortBuffer, "io.ErrShortWrite": io.ErrShortWrite,
		"context.Canceled": context.Canceled, "errors.ErrUnsupported": errors.ErrUnsupported,
		"fs.ErrInvalid": fs.ErrInvalid, "fs.ErrPermission": fs.ErrPermission, "fs.ErrExist": fs.ErrExist,
		"fs.ErrNotExist": fs.ErrNotExist, "fs.ErrClosed": fs.ErrClosed, "fs.SkipDir": fs.SkipDir, "fs.SkipAll": fs.SkipAll,
		"os.ErrProcessDone": os.ErrProcessDone, "os.ErrNoDeadline": os.ErrNoDeadline, "os.ErrDeadlineExceeded": os.ErrDeadlineExceeded,
		"time.UTC": time.UTC, "time.Local": time.Local,
	} {
		if reflect.TypeOf(v).Kind() != reflect.Pointer {
			continue // compared by value
		}
		t.pointers[name] = v
		t.names[reflect.ValueOf(v).UnsafePointer()] = name
	}
	return t
})

type knownTable struct {
	pointers map[string]any
	names    map[unsafe.Pointer]string
}

// knownTypes are the types that known pointers point to.
var knownTypes = sync.OnceValue(func() map[reflect.Type]bool {
	types := map[reflect.Type]bool{fileType: true}
	for _, v := range known().pointers {
		types[reflect.TypeOf(v).Elem()] = true
	}
	return types
})

var fileType = reflect.TypeFor[os.File]()

func mayBeKnown(elem reflect.Type) bool { return knownTypes()[elem] }

// nameOfKnown returns the name of what p points to.
func nameOfKnown(p unsafe.Pointer, elem reflect.Type) (string, bool) {
	if elem == fileType {
		for name, f := range standardFiles() {
			if p == unsafe.Pointer(f) {
				return name, true
			}
		}
		return "", false
	}
	name, ok := known().names[p]
	if !ok || reflect.TypeOf(known().pointers[name]).Elem() != elem {
		return "", false
	}
	return name, true
}

func knownByName(name string, elem reflect.Type) unsafe.Pointer {
	if elem == fileType {
		return unsafe.Pointer(standardFiles()[name])
	}
	v := reflect.ValueOf(known().pointers[name])
	if !v.IsValid() || v.Type().Elem() != elem {
		return nil
	}
	return v.UnsafePointer()
}

// standardFiles are asked for each time: a program may have replaced them.
func standardFiles() map[string]*os.File {
	return map[string]*os.File{"os.Stdin": os.Stdin, "os.Stdout": os.Stdout, "os.Stderr": os.Stderr}
}
