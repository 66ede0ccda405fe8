//go:build !(linux && amd64)

package loader

import "os"

func (m *image) reserve(uintptr) error { return ErrNotSupported }
func protectRW(_, _ uintptr) error     { return ErrNotSupported }
func prepareSync()                     {}
func syncCores()                       {}
func (a *arena) releaseView()          {}

func mapFile(path string) ([]byte, error) { return os.ReadFile(path) }
