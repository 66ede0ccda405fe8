package session

import "mobula/cluster/driver"

// Progress tells how far the tasks of a cell are.
func (s *Session) Progress(cell int) []driver.Operation { return s.driver.Progress(cell) }

// Forget drops what is known of the tasks of a cell, and reports whether all have ended.
func (s *Session) Forget(cell int) bool { return s.driver.Forget(cell) }

// CancelCell cancels the tasks of a cell that have not ended, and returns how many there were.
func (s *Session) CancelCell(cell int, kill bool) int { return s.driver.CancelCell(cell, kill) }
