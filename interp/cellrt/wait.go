package cellrt

import (
	"iter"
	"sync"
	"time"
)

// Recv is <-c.
func Recv[T any](c <-chan T) T {
	select {
	case v := <-c:
		return v
	default:
	}
	v, _ := recvSlow(c)
	return v
}

// Recv2 is v, ok := <-c.
func Recv2[T any](c <-chan T) (T, bool) {
	select {
	case v, ok := <-c:
		return v, ok
	default:
	}
	return recvSlow(c)
}

func recvSlow[T any](c <-chan T) (T, bool) {
	select {
	case v, ok := <-c:
		return v, ok
	case <-StopChan():
		panic(Interrupt{})
	}
}

// Send is c <- v.
func Send[T any](c chan<- T, v T) {
	select {
	case c <- v:
		return
	default:
	}
	select {
	case c <- v:
	case <-StopChan():
		panic(Interrupt{})
	}
}

// Range is range c.
func Range[T any](c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, ok := Recv2(c)
			if !ok || !yield(v) {
				return
			}
		}
	}
}

// Sleep is time.Sleep.
func Sleep(d time.Duration) {
	if d <= 0 {
		time.Sleep(d)
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-StopChan():
		panic(Interrupt{})
	}
}

// Forever is select {}.
func Forever() {
	<-StopChan()
	panic(Interrupt{})
}

// Lock is m.Lock.
func Lock(m *sync.Mutex) {
	if !m.TryLock() {
		lockSlow(m)
	}
}

// RWLock is m.Lock.
func RWLock(m *sync.RWMutex) {
	if !m.TryLock() {
		lockSlow(m)
	}
}

// RWRLock is m.RLock.
func RWRLock(m *sync.RWMutex) {
	if !m.TryRLock() {
		lockSlow(m.RLocker())
	}
}

// lockSlow locks on a goroutine that hands the lock over, or gives it back once nobody
// waits for it any more: a lock does not care which goroutine holds it.
func lockSlow(m sync.Locker) {
	stop := StopChan()
	handed := make(chan struct{})
	go func() {
		Detach()
		m.Lock()
		select {
		case handed <- struct{}{}:
		case <-stop:
			m.Unlock()
		}
	}()
	select {
	case <-handed:
	case <-stop:
		panic(Interrupt{})
	}
}

// Wait is wg.Wait.
func Wait(wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		Detach()
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-StopChan():
		panic(Interrupt{})
	}
}

// CondWait is c.Wait.
func CondWait(c *sync.Cond) {
	done := make(chan struct{})
	go func() {
		Detach()
		c.Wait()
		close(done)
	}()
	select {
	case <-done:
		return
	case <-StopChan():
	}
	// The waiter must come back with the lock: wake it until it does. Others see a spurious wake-up.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		c.Broadcast()
		select {
		case <-done:
			panic(Interrupt{})
		case <-tick.C:
		}
	}
}
