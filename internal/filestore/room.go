package filestore

import (
	"os"
	"time"
)

// makeRoom removes what nobody needs until a file has room; s.mu is held.
func (s *Store) makeRoom(size int64) error {
	for s.present+size > s.conf.Bound {
		if !s.removeOldest() {
			return &Full{Size: size, Needed: s.present, Bound: s.conf.Bound}
		}
	}
	return nil
}

// removeOldest removes the file or part that was not used for the longest time, of those that nobody needs; false where there is none.
func (s *Store) removeOldest() bool {
	limit := time.Now().Add(-s.conf.Grace)
	oldest, name := limit, ""
	for sum, f := range s.files {
		if !f.used.After(oldest) && !s.conf.Needed(sum) {
			oldest, name = f.used, sum
		}
	}
	var abandoned *part
	for _, p := range s.parts {
		if !p.used.After(oldest) {
			oldest, abandoned = p.used, p
		}
	}
	switch {
	case abandoned != nil:
		s.drop(abandoned)
	case name != "":
		s.remove(name)
	default:
		return false
	}
	return true
}

func (s *Store) remove(sum string) {
	_ = os.Remove(s.path(sum)) // one that stays is found when the store is opened again
	s.present -= s.files[sum].size
	delete(s.files, sum)
}

// Tidy removes what nobody needs, and has used since a time.
func (s *Store) Tidy(since time.Time) (removed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sum, f := range s.files {
		if f.used.Before(since) && !s.conf.Needed(sum) {
			s.remove(sum)
			removed++
		}
	}
	for _, p := range s.parts {
		if p.used.Before(since) {
			s.drop(p)
			removed++
		}
	}
	return removed
}

// Usage is how many bytes are there, or on their way, and how many of them are needed.
func (s *Store) Usage() (all, needed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sum, f := range s.files {
		if s.conf.Needed(sum) {
			needed += f.size
		}
	}
	return s.present, needed
}
