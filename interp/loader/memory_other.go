//go:build !(linux && amd64)

package loader

func (m *image) reserve(uintptr) error { return ErrNotSupported }
func protectRW(_, _ uintptr) error     { return ErrNotSupported }
func syncCores()                       {}
func (a *arena) releaseView()          {}
