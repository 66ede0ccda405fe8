//go:build !linux

package view

import "unsafe"

const pageSize = 4096

func mapFile(unsafe.Pointer, uintptr, int, int64) error { return ErrUnsupported }

func mapAnonymous(unsafe.Pointer, uintptr) error { return nil }

func learnName(unsafe.Pointer) {}

func readFull(int, []byte, int64) error { return ErrUnsupported }
