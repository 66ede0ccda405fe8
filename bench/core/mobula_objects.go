package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"mobula"
)

const (
	gib      = 1 << 30
	mib      = 1 << 20
	megabyte = 1_000_000
)

// objects is the state of the requests about objects.
type objects struct {
	words int      // of the large object
	large []uint64 // what is put
	ref   mobula.Ref[[]uint64]
	puts  int
}

// pattern is bytes that depend on a seed.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + seed)
	}
	return b
}

// place is where in n elements a request looks.
func place(i, n int) int { return (i*1_000_003 + 17) % n }

// put puts byte slices; a task reads each tenth, which the driver compares.
func put(ctx context.Context, q request, size int) (reply, error) {
	m := newMakers(os.Getpid())
	samples := make([]float64, q.N)
	for i := range samples {
		b := pattern(size, q.Seed+i)
		var r mobula.Ref[[]byte]
		us, _ := timed(func() error { r = mobula.Put(b); return nil })
		samples[i] = us
		if i%10 > 0 {
			continue
		}
		s, err := mobula.Go(func() stamp { return stamp{checksum(r.Value()), os.Getpid()} }).Get(ctx)
		if err == nil {
			err = m.check(s, checksum(b))
		}
		if err != nil {
			return reply{}, err
		}
	}
	return sampled(q.Do, m, q.N, samples...), nil
}

func checksum(b []byte) int {
	sum := len(b)
	for i, x := range b {
		sum = sum*31 + int(x) + i
	}
	return sum
}

func (d *driver) putSmall(ctx context.Context, q request) (reply, error) {
	r, err := put(ctx, q, 100)
	if err == nil {
		r.Samples[ownLimit+"memcpy 100 B"] = copies(100, q.N)
	}
	return r, err
}

func (d *driver) putMiddle(ctx context.Context, q request) (reply, error) {
	r, err := put(ctx, q, mib)
	if err == nil {
		r.Samples[ownLimit+"memcpy 1 MiB"] = copies(mib, q.N)
	}
	return r, err
}

// copies measures memcpy into memory that was used before, in microseconds. Small copies are measured many at a time: the clock is too coarse.
func copies(size, n int) []float64 {
	from, to, samples := pattern(size, n), make([]byte, size), make([]float64, n)
	copy(to, from)
	times := max(1, 100_000/size)
	for i := range samples {
		us, _ := timed(func() error {
			for range times {
				copy(to, from)
			}
			return nil
		})
		samples[i] = us / float64(times)
	}
	return samples
}

// putLarge puts a large object, and copies as much.
func (d *driver) putLarge(ctx context.Context, q request) (reply, error) {
	o := &d.objects
	if o.large == nil {
		o.large = make([]uint64, o.words)
		for i := range o.large {
			o.large[i] = uint64(i) * 0x9E3779B97F4A7C15
		}
	}
	at := place(q.Seed, o.words)
	o.large[at] = uint64(q.Seed)
	o.ref = mobula.Ref[[]uint64]{} // the one before
	runtime.GC()
	us, _ := timed(func() error { o.ref = mobula.Put(o.large); return nil })
	ref := o.ref
	s, err := mobula.Go(func() stamp { return stamp{int(ref.Value()[at]), os.Getpid()} }).Get(ctx)
	if err != nil {
		return reply{}, err
	}
	m := newMakers(os.Getpid())
	if err := m.check(s, q.Seed); err != nil {
		return reply{}, err
	}
	key := "later"
	if o.puts++; o.puts == 1 {
		key = "first"
	}
	fresh, used, err := copyFresh(o.large)
	kb := float64(8*o.words) / 1e3 // bytes by microseconds and thousand are GB/s
	return reply{Done: 1, Makers: m.list(), Samples: map[string][]float64{
		key: {kb / us}, ownLimit + "memcpy fresh": {kb / fresh}, ownLimit + "memcpy": {kb / used},
	}}, err
}

// copyFresh copies words into memory that the system has just given, and again; it returns the microseconds of both.
func copyFresh(from []uint64) (fresh, used float64, err error) {
	memory, err := syscall.Mmap(-1, 0, 8*len(from), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return 0, 0, fmt.Errorf("get memory to copy to: %w", err)
	}
	to := unsafe.Slice((*uint64)(unsafe.Pointer(&memory[0])), len(from))
	fresh, _ = timed(func() error { copy(to, from); return nil })
	used, _ = timed(func() error { copy(to, from); return nil })
	return fresh, used, syscall.Munmap(memory)
}

// getLarge gets the large object anew, and reads all of it.
func (d *driver) getLarge(ctx context.Context, q request) (reply, error) {
	samples := map[string][]float64{}
	add := func(key string, us float64) { samples[key] = append(samples[key], us) }
	for i := range q.N {
		var v []uint64
		us, err := timed(func() (err error) { v, err = d.objects.ref.Get(ctx); return err })
		if err != nil {
			return reply{}, err
		}
		add("get", us)
		if at := place(q.Seed+i, d.objects.words); len(v) != d.objects.words || v[at] != d.objects.large[at] {
			return reply{}, fmt.Errorf("word %d of %d is not what was put", at, len(v))
		}
		var sum, want uint64
		read, _ := timed(func() error { sum = total64(v); return nil })
		add("sum", (us+read)/1000)
		own, _ := timed(func() error { want = total64(d.objects.large); return nil })
		add(ownLimit+"sum", own/1000)
		if sum != want {
			return reply{}, fmt.Errorf("the sum is %d, and must be %d", sum, want)
		}
	}
	return reply{Samples: samples, Done: q.N}, nil
}

func total64(list []uint64) (sum uint64) {
	for _, x := range list {
		sum += x
	}
	return sum
}

// readLarge runs tasks that read a word of the large object.
func (d *driver) readLarge(ctx context.Context, q request) (reply, error) {
	m := newMakers(os.Getpid())
	samples, ref := make([]float64, q.N), d.objects.ref
	for i := range samples {
		at := place(q.Seed+i, d.objects.words)
		var s stamp
		us, err := timed(func() (err error) {
			s, err = mobula.Go(func() stamp { return stamp{int(ref.Value()[at]), os.Getpid()} }).Get(ctx)
			return err
		})
		if err == nil {
			err = m.check(s, int(d.objects.large[at]))
		}
		if err != nil {
			return reply{}, err
		}
		samples[i] = us
	}
	return sampled(q.Do, m, q.N, samples...), nil
}

// argument runs tasks that capture a megabyte.
func (d *driver) argument(ctx context.Context, q request) (reply, error) {
	m := newMakers(os.Getpid())
	samples := make([]float64, q.N)
	b := pattern(megabyte, q.Seed)
	for i := range samples {
		at := place(q.Seed+i, megabyte)
		b[at]++
		var s stamp
		us, err := timed(func() (err error) {
			s, err = mobula.Go(func() stamp { return stamp{int(b[at])<<32 + len(b), os.Getpid()} }).Get(ctx)
			return err
		})
		if err == nil {
			err = m.check(s, int(b[at])<<32+len(b))
		}
		if err != nil {
			return reply{}, err
		}
		samples[i] = us
	}
	r := sampled(q.Do, m, q.N, samples...)
	r.Samples[ownLimit+"memcpy 1 MB"] = copies(megabyte, q.N)
	return r, nil
}

type block struct {
	Data []byte
	PID  int
}

// result runs tasks that return a megabyte. What it holds is made once in each worker, so that its making is not measured.
func (d *driver) result(ctx context.Context, q request) (reply, error) {
	m := newMakers(os.Getpid())
	samples := make([]float64, q.N)
	want := pattern(megabyte, 0)
	for i := range samples {
		at, mark := place(q.Seed+i, megabyte), byte(q.Seed+i)
		var got block
		us, err := timed(func() (err error) {
			got, err = mobula.Go(func() block { return marked(at, mark) }).Get(ctx)
			return err
		})
		if err != nil {
			return reply{}, err
		}
		samples[i] = us
		before := want[at]
		want[at] = mark
		if !bytes.Equal(got.Data, want) {
			return reply{}, fmt.Errorf("result %d differs from what its task made", i)
		}
		want[at] = before
		if err := m.check(stamp{0, got.PID}, 0); err != nil {
			return reply{}, err
		}
	}
	r := sampled(q.Do, m, q.N, samples...)
	r.Samples[ownLimit+"memcpy 1 MB"] = copies(megabyte, q.N)
	return r, nil
}

// base is what marked returns but for one byte; each worker has its own.
var base = pattern(megabyte, 0)

func marked(at int, mark byte) block {
	data := bytes.Clone(base)
	data[at] = mark
	return block{data, os.Getpid()}
}
