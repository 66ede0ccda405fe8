package display

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestUpdater(t *testing.T) {
	r := record(t)
	shown := func() (n int, last string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.displays), text(t, r.displays[len(r.displays)-1].Data, MIMEText)
	}
	synctest.Test(t, func(t *testing.T) {
		n := 0
		u := NewUpdater(func() any { return n })
		set := func(to int) { u.Change(func() { n = to }) }
		time.Sleep(updatePeriod)
		set(1)
		if n, last := shown(); n != 2 || last != "1" {
			t.Errorf("a change after a quiet time is not shown at once: %d states, the last %s", n, last)
		}
		for i := range 100 {
			set(2 + i)
		}
		if n, last := shown(); n != 2 {
			t.Errorf("of a burst are shown: %d states, the last %s", n-2, last)
		}
		time.Sleep(updatePeriod) // nobody changes anything any more
		synctest.Wait()
		if n, last := shown(); n != 3 || last != "101" {
			t.Errorf("the end of a burst: %d states, the last %s", n, last)
		}
		set(102)
		u.End(func() { n++ })
		set(0)
		u.End(func() { n = 0 })
		time.Sleep(10 * updatePeriod)
		synctest.Wait()
		if n, last := shown(); n != 4 || last != "103" {
			t.Errorf("the end: %d states, the last %s", n, last)
		}
	})
}

// An interrupt is a panic in the goroutine that changes something.
func TestUpdaterIsInterrupted(t *testing.T) {
	r := record(t)
	synctest.Test(t, func(t *testing.T) {
		n := 0
		u := NewUpdater(func() any { return n })
		for _, f := range []func(func()){u.Change, u.End} {
			func() {
				defer func() { _ = recover() }()
				f(func() { n++; panic("stopped") })
			}()
		}
		if got := text(t, r.displays[len(r.displays)-1].Data, MIMEText); got != "2" {
			t.Errorf("the last state is %s", got)
		}
	})
}

func TestUpdaterFromManyGoroutines(t *testing.T) {
	r := record(t)
	n := 0
	u := NewUpdater(func() any { return n })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				u.Change(func() { n++ })
			}
		})
	}
	all.Wait()
	u.End(func() {})
	if got := text(t, r.displays[len(r.displays)-1].Data, MIMEText); got != "8000" {
		t.Errorf("the last state is %s", got)
	}
}
