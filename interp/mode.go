package interp

import (
	"context"
	"fmt"
	"path/filepath"
)

// SetMode chooses the tier of later cells.
func (s *Session) SetMode(ctx context.Context, m Mode) error {
	switch m {
	case ModeAuto, ModeNative, ModeYaegi:
	default:
		return fmt.Errorf("no engine %q: auto, native or yaegi", m)
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
	return nil
}

// announceBuild says that a cell waits for a package that is not built yet.
func (s *Session) announceBuild(cell int, path string) {
	if s.packages().Lookup(path) == nil && path != "C" && !builds(filepath.Join(s.toolchain().GOROOT, "src", path)) {
		s.sink.Stream(cell, "stderr", "building "+path+"\n")
	}
}

// Describe tells about the engine.
func (s *Session) Describe() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("engine: %s\n", s.mode)
	if s.state.proc == nil {
		return text + "session host: not running\n"
	}
	text += fmt.Sprintf("toolchain: %s (%s)\nsession host: process %d\n", s.state.tc.Version, s.state.tc.GOROOT, s.state.proc.PID())
	if !s.state.tc.Cgo {
		text += "cgo: off (no C compiler)\n"
	}
	return text
}
