package codec

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata" // zones on machines that have none
	"unique"
	"weak"
)

func TestTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, x := range []time.Time{
		{}, now, now.UTC(), now.In(berlin), now.In(time.FixedZone("X", 3600)), now.In(time.FixedZone("", -60)),
		time.Unix(-1, 999), now.In(time.FixedZone("UTC", 0)), time.Date(9999, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(1<<55, 0),
	} {
		y := *copyOf(t, newRegistry(), &x)
		if !x.Equal(y) || x.String() != y.String() && x != now || x.Location().String() != y.Location().String() {
			t.Errorf("%v became %v", x, y)
		}
	}
	if y := *copyOf(t, newRegistry(), &now); y != now.Round(0) {
		t.Errorf("%#v became %#v", now.Round(0), y)
	}
	places := copyOf(t, newRegistry(), &[]*time.Location{time.UTC, time.Local, berlin, time.FixedZone("X", 60)})
	if p := *places; p[0] != time.UTC || p[1] != time.Local || !reflect.DeepEqual(p[2], berlin) || now.In(p[3]).String() != now.In(time.FixedZone("X", 60)).String() {
		t.Errorf("got %v", p)
	}
}

func TestAddresses(t *testing.T) {
	x := []any{
		netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::1"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:1.2.3.4"),
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddrPort("[::1]:80"), netip.Addr{},
	}
	y := *copyOf(t, newRegistry(netip.Addr{}, netip.Prefix{}, netip.AddrPort{}), &x)
	if !reflect.DeepEqual(x, y) || x[2] != y[2] {
		t.Errorf("got %v", y)
	}
}

func TestZeroesLeave(t *testing.T) {
	x := struct {
		h unique.Handle[string]
		w weak.Pointer[int]
		v reflect.Value
		s maphash.Seed
		c context.Context
		f *os.File
	}{}
	if y := *copyOf(t, newRegistry(), &x); y != x {
		t.Errorf("got %v", y)
	}
}

func TestRegexps(t *testing.T) {
	perl, posix, longest := regexp.MustCompile(`a+?(b|ab)*\d`), regexp.MustCompilePOSIX(`^a|ab`), regexp.MustCompile(`^a|ab`)
	longest.Longest()
	x := []*regexp.Regexp{perl, posix, longest, perl, new(regexp.Regexp)}
	y := *copyOf(t, newRegistry(), &x)
	if !reflect.DeepEqual(x[:3], y[:3]) || y[3] != y[0] || y[4].String() != "" {
		t.Errorf("got %v", y)
	}
}

func TestSync(t *testing.T) {
	type all struct {
		mu    sync.Mutex
		rw    sync.RWMutex
		wg    sync.WaitGroup
		once  sync.Once
		other sync.Once
		cond  *sync.Cond
		pool  sync.Pool
		m     sync.Map
	}
	h := newRegistry(&sync.Mutex{}, &all{})
	made := func() any { return "new" }
	h.function(made, nil)
	x := &all{pool: sync.Pool{New: made}}
	x.cond = sync.NewCond(&x.mu)
	x.once.Do(func() {})
	x.pool.Put(new("old"))
	x.mu.Lock()
	go func() { x.mu.Lock(); x.cond.Broadcast(); x.mu.Unlock() }()
	x.cond.Wait()
	x.mu.Unlock()
	x.wg.Go(func() {})
	x.wg.Wait()
	x.rw.RLock()
	x.rw.TryRLock()
	x.rw.RUnlock()
	x.rw.RUnlock()
	x.m.Store("a", 1)
	x.m.Store(2, x)
	y := *copyOf(t, h, &x)
	y.once.Do(func() { t.Error("done twice") })
	done := false
	y.other.Do(func() { done = true })
	y.mu.Lock()
	go func() { y.cond.L.Lock(); y.cond.Broadcast(); y.cond.L.Unlock() }()
	y.cond.Wait()
	y.mu.Unlock()
	y.rw.Lock()
	a, _ := y.m.Load("a")
	self, _ := y.m.Load(2)
	if !done || y.pool.Get() != "new" || a != 1 || self != y || y.cond.L != &y.mu {
		t.Error("something is not as it was")
	}
}

func TestAtomics(t *testing.T) {
	type all struct {
		b atomic.Bool
		i atomic.Int32
		u atomic.Uint64
		p atomic.Pointer[int]
		q *int
		v atomic.Value
		n atomic.Value
	}
	x, n := new(all), 7
	x.b.Store(true)
	x.i.Store(-5)
	x.u.Store(1 << 60)
	x.p.Store(&n)
	x.q = &n
	x.v.Store([]int{1, 2})
	stop, stopped := make(chan bool), make(chan bool)
	go func() { // reads race with nothing
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				x.b.Store(true)
				x.p.Store(&n)
				x.i.Store(-5)
			}
		}
	}()
	y := *copyOf(t, newRegistry(), &x)
	close(stop)
	<-stopped
	if !y.b.Load() || y.i.Load() != -5 || y.u.Load() != 1<<60 || y.p.Load() != y.q || *y.q != 7 || y.n.Load() != nil {
		t.Errorf("got %v", y)
	}
	if !reflect.DeepEqual(y.v.Load(), []int{1, 2}) {
		t.Errorf("got %v", y.v.Load())
	}
	y.v.Store([]int{3})
}

func TestTypesAsValues(t *testing.T) {
	h := newRegistry(point{})
	x := []any{reflect.TypeFor[point](), reflect.TypeFor[int]()}
	if y := *copyOf(t, h, &x); y[0] != x[0] || y[1] != x[1] {
		t.Errorf("got %v", y)
	}
	var typ = reflect.TypeFor[*int]()
	if y := *copyOf(t, h, &typ); y != typ {
		t.Errorf("got %v", y)
	}
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	h := newRegistry(io.EOF, &fs.PathError{}, syscall.ENOENT, fmt.Errorf("%w", io.EOF), errors.Join(io.EOF),
		fmt.Errorf("%w%w", io.EOF, io.EOF), context.DeadlineExceeded, os.ErrDeadlineExceeded)
	for _, sentinel := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, io.ErrShortWrite, context.Canceled, context.DeadlineExceeded,
		fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid, fs.ErrClosed, os.ErrDeadlineExceeded, errors.ErrUnsupported,
	} {
		x := errors.Join(fmt.Errorf("here: %w", sentinel), fmt.Errorf("%w and %w", sentinel, syscall.ENOENT))
		y := *copyOf(t, h, &x)
		if !errors.Is(y, sentinel) || !errors.Is(y, syscall.ENOENT) || y.Error() != x.Error() {
			t.Errorf("%v became %v", x, y)
		}
	}
	_, x := os.Open("/does/not/exist")
	y := *copyOf(t, h, &x)
	if path, ok := errors.AsType[*fs.PathError](y); !ok || path.Path != "/does/not/exist" || !errors.Is(y, fs.ErrNotExist) {
		t.Errorf("got %v", y)
	}
	own := errors.New("own")
	x = errors.Join(own, own)
	y = *copyOf(t, h, &x)
	if list := y.(interface{ Unwrap() []error }).Unwrap(); !errors.Is(list[0], list[1]) || list[0].Error() != "own" {
		t.Errorf("got %v", y)
	}
}

func TestStandardFiles(t *testing.T) {
	x := struct {
		in  *os.File
		out io.Writer
		err any
	}{os.Stdin, os.Stdout, os.Stderr}
	y := *copyOf(t, newRegistry(os.Stdout), &x)
	if y != x {
		t.Errorf("got %v", y)
	}
}
