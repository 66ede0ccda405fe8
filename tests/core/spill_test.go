package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mobula"
	nodes "mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/objstore/spill"
	"mobula/objstore/store"
)

const mib = 1 << 20

// block is a value of n bytes that tells which it is, everywhere.
func block(seed, n int) []uint64 {
	list := make([]uint64, n/8)
	for i := range list {
		list[i] = uint64(seed)<<32 | uint64(i)
	}
	return list
}

// wrong says what is wrong with a block.
func wrong(list []uint64, seed, n int) error {
	if len(list) != n/8 {
		return fmt.Errorf("block %d has %d words", seed, len(list))
	}
	for i, v := range list {
		if v != uint64(seed)<<32|uint64(i) {
			return fmt.Errorf("block %d has %#x at %d", seed, v, i)
		}
	}
	return nil
}

// everybody is the processes of an embedded cluster.
func everybody(ctx context.Context, t *testing.T) []int {
	t.Helper()
	pids := []int{os.Getpid()}
	workers, err := mobula.Workers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range workers {
		if w.PID != 0 {
			pids = append(pids, w.PID)
		}
	}
	return pids
}

// TestTwiceTheStore: what is put and what tasks return, together several times what the store may hold, is read back right by the program and by
// tasks, and the memory of all processes stays within the store's and some of their own.
func TestTwiceTheStore(t *testing.T) {
	const capacity, size, count = 256 * mib, 8 * mib, 64
	connect(t, mobula.Config{CPUs: 2, Store: capacity})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	warmUp, err := mobula.Go(func() int { return 1 }).Get(ctx)
	if err != nil || warmUp != 1 {
		t.Fatal(err)
	}
	before, most := sharedMemory(t, everybody(ctx, t)), int64(0)
	look := func() { most = max(most, sharedMemory(t, everybody(ctx, t))) }
	refs := make([]mobula.Ref[[]uint64], count)
	for i := range refs {
		if i%2 == 0 {
			refs[i] = mobula.Put(block(i, size))
		} else {
			refs[i] = mobula.Go(func() []uint64 { return block(i, size) })
			if err := mobula.Go(func() error { return wrong(refs[i].Value(), i, size) }).Value(); err != nil {
				t.Fatal(err)
			}
		}
		look()
	}
	for i := range refs {
		got, err := refs[i].Get(ctx)
		if err == nil {
			err = wrong(got, i, size)
		}
		if err != nil {
			t.Fatal(err)
		}
		look()
	}
	checks := mobula.TryMap(refs, func(_ context.Context, r mobula.Ref[[]uint64]) (int, error) {
		list := r.Value()
		seed := int(list[0] >> 32)
		return seed, wrong(list, seed, size)
	}, mobula.Limit(4))
	for i, r := range checks {
		seed, err := r.Get(ctx)
		if err != nil || seed != i {
			t.Fatalf("block %d is %d, %v", i, seed, err)
		}
		look()
	}
	t.Logf("%d MiB in a store of %d: all processes have at most %d MiB more", count*size/mib, capacity/mib, (most-before)/mib)
	const own = 200 * mib // blocks that are being made and not yet put, and garbage, in two processes
	if most-before > capacity+own && !underRace {
		t.Errorf("all processes have up to %d MiB more than before, with a store of %d", (most-before)/mib, capacity/mib)
	}
}

// smallDisk is a directory with room for a few files.
type smallDisk struct {
	dir  string
	left atomic.Int64
}

type smallFile struct {
	*os.File
	disk *smallDisk
}

func (f smallFile) Write(p []byte) (int, error) {
	if f.disk.left.Add(-int64(len(p))) < 0 {
		f.disk.left.Add(int64(len(p)))
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

func (d *smallDisk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *smallDisk) Create(name string) (spill.File, error) {
	f, err := os.Create(d.path(name))
	return smallFile{f, d}, err
}

func (d *smallDisk) Open(name string) (spill.File, error) { return os.Open(d.path(name)) }

func (d *smallDisk) Remove(name string) error {
	info, err := os.Stat(d.path(name))
	if err == nil {
		d.left.Add(info.Size())
		err = os.Remove(d.path(name))
	}
	return err
}

func (d *smallDisk) Close() error { return nil }

// connectTo joins a node of this process, whose store spills to a disk.
func connectTo(t *testing.T, capacity int64, disk spill.FS) {
	t.Helper()
	connectToStore(t, store.Config{Capacity: capacity, Disk: disk})
}

func connectToStore(t *testing.T, c store.Config) {
	t.Helper()
	c.FullGrace = 200 * time.Millisecond
	n, err := nodes.Start(t.Context(), nodes.Config{Starter: nodes.Processes{}, Resources: sched.Resources{CPU: 2 * sched.One}, Store: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	connect(t, mobula.Config{Address: n.Address()})
}

// putUntil puts blocks until one fails.
func putUntil(ctx context.Context, t *testing.T, most, size int) (refs []mobula.Ref[[]uint64], full error) {
	t.Helper()
	for i := range most {
		r := mobula.Put(block(i, size))
		if _, full = r.Get(ctx); full != nil {
			return refs, full
		}
		refs = append(refs, r)
	}
	t.Fatalf("%d blocks of %d MiB fit", most, size/mib)
	return nil, nil
}

// TestFullSpillDisk: what does not fit any more is an error that says where, in the program and in tasks; all else lives on, and when there is
// room again all that was put is there.
func TestFullSpillDisk(t *testing.T) {
	const size = 8 * mib
	disk := &smallDisk{dir: t.TempDir()}
	disk.left.Store(20 * mib)
	connectTo(t, 64*mib, disk)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	refs, full := putUntil(ctx, t, 20, size)
	isFull := func(what string, err error) {
		t.Helper()
		if e, ok := errors.AsType[*mobula.OutOfDiskError](err); !ok || e.Need < size || !strings.Contains(err.Error(), "no space left on device; free space there") {
			t.Errorf("%s: %v", what, err)
		}
	}
	isFull("the program", full)
	_, err := mobula.Go(func() []uint64 { return block(1, size) }).Get(ctx)
	isFull("a result", err)
	captured := block(2, size)
	_, err = mobula.Go(func() int { return len(captured) }).Get(ctx)
	isFull("a capture", err)
	if small, err := mobula.Go(func() string { return "lives" }).Get(ctx); err != nil || small != "lives" {
		t.Errorf("a task after all: %q, %v", small, err)
	}
	disk.left.Add(200 * mib)
	for i, r := range refs {
		got, err := r.Get(ctx)
		if err == nil {
			err = wrong(got, i, size)
		}
		if err != nil {
			t.Errorf("%d of %d: %v", i, len(refs), err)
		}
	}
	if n, err := mobula.Go(func() int { return len(captured) }).Get(ctx); err != nil || n != size/8 {
		t.Errorf("a capture, when there is room: %d, %v", n, err)
	}
}

// TestFullStore: where readers keep more than the store may hold, the error says who has the memory; it is free again without them.
func TestFullStore(t *testing.T) {
	const size = 8 * mib
	connectTo(t, 64*mib, diskOf(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kept := make([][]uint64, 0, 20)
	var full error
	for i := 0; full == nil && i < cap(kept); i++ {
		var list []uint64
		if list, full = mobula.Put(block(i, size)).Get(ctx); full == nil {
			kept = append(kept, list)
		}
	}
	e, ok := errors.AsType[*mobula.StoreFullError](full)
	if !ok || len(e.Holders) == 0 || !strings.Contains(full.Error(), "put a []uint64: ") || !strings.Contains(full.Error(), "biggest holders: ") || !strings.Contains(e.Error(), "[]uint64") {
		t.Fatalf("%d blocks are kept; the error: %v", len(kept), full)
	}
	for i, list := range kept {
		if err := wrong(list, i, size); err != nil {
			t.Error(err)
		}
	}
	if _, err := mobula.Put(block(3, size)).Get(ctx); err != nil { // kept is not used any more
		t.Errorf("when nobody reads any more: %v", err)
	}
}

// TestNothingIsKept: what nobody refers to any more leaves the store, whichever way it came: of a store of 64 MiB without a disk many times
// that are used.
func TestNothingIsKept(t *testing.T) {
	const size, rounds = 8 * mib, 24
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type keeper struct {
		last          []uint64
		started, ends int
	}
	var a mobula.Actor[keeper]
	uses := map[string]func(i int) error{
		"put": func(i int) error {
			list, err := mobula.Put(block(i, size)).Get(ctx)
			return cmp.Or(err, wrong(list, i, size))
		},
		"result": func(i int) error {
			list, err := mobula.Go(func() []uint64 { return block(i, size) }).Get(ctx)
			return cmp.Or(err, wrong(list, i, size))
		},
		"result that nobody reads": func(i int) error {
			_, _, err := mobula.Wait(ctx, []mobula.Ref[[]uint64]{mobula.Go(func() []uint64 { return block(i, size) })}, 1)
			return err
		},
		"capture": func(i int) error {
			list := block(i, size)
			_, err := mobula.Try(func(context.Context) (int, error) { return 0, wrong(list, i, size) }).Get(ctx)
			return err
		},
		"ref in a task": func(i int) error {
			r := mobula.Go(func() []uint64 { return block(i, size) })
			_, err := mobula.Try(func(ctx context.Context) (int, error) { return 0, wrong(r.Value(), i, size) }).Get(ctx)
			return err
		},
		"ref as a result": func(i int) error {
			r, err := mobula.Go(func() mobula.Ref[[]uint64] { return mobula.Put(block(i, size)) }).Get(ctx)
			if err != nil {
				return err
			}
			list, err := r.Get(ctx)
			return cmp.Or(err, wrong(list, i, size))
		},
		"item of a stream": func(i int) error {
			items := mobula.Stream(func(_ context.Context, yield func([]uint64) bool) error {
				yield(block(i, size))
				return nil
			})
			for list, err := range items {
				if err := cmp.Or(err, wrong(list, i, size)); err != nil {
					return err
				}
			}
			return nil
		},
		"argument of an actor's call": func(i int) error {
			list := block(i, size)
			got, err := mobula.Call(a, func(k *keeper) []uint64 { k.last = list; return k.last }).Get(ctx)
			return cmp.Or(err, wrong(got, i, size))
		},
		"result of a task that was given up": func(i int) error {
			r := mobula.Go(func() []uint64 {
				mobula.Call(a, func(k *keeper) int { k.started++; return 0 }).Value()
				for mobula.Call(a, func(k *keeper) int { return k.ends }).Value() <= i { // a call takes its time
				}
				return block(i, size)
			})
			for mobula.Call(a, func(k *keeper) int { return k.started }).Value() <= i {
			}
			r.Cancel()
			_, err := r.Get(ctx)
			mobula.Call(a, func(k *keeper) int { k.ends++; return 0 }).Value()
			if !isCanceled(err) {
				return fmt.Errorf("the task failed with %w", err)
			}
			return nil
		},
		"items of a stream that is left": func(i int) error {
			for list, err := range mobula.Stream(func(_ context.Context, yield func([]uint64) bool) error {
				for yield(block(i, size/4)) {
				}
				return nil
			}) {
				return cmp.Or(err, wrong(list, i, size/4))
			}
			return nil
		},
		"result that cannot be sent": func(i int) error {
			type pair struct {
				list []uint64
				ref  mobula.Ref[int]
			}
			_, err := mobula.Go(func() pair {
				return pair{block(i, size), mobula.Try(func(context.Context) (int, error) { return 0, errBusy })}
			}).Get(ctx)
			if !errors.Is(err, errBusy) {
				return fmt.Errorf("the task failed with %w", err)
			}
			return nil
		},
		"failure": func(i int) error {
			list := block(i, size)
			_, err := mobula.Try(func(context.Context) ([]uint64, error) { return list, errBusy }).Get(ctx)
			if !errors.Is(err, errBusy) {
				return fmt.Errorf("the task failed with %w", err)
			}
			return nil
		},
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		t.Run(name, func(t *testing.T) {
			connectTo(t, 64*mib, &smallDisk{dir: t.TempDir()})
			a = mobula.NewActor(func() *keeper { return &keeper{} })
			var rest []mobula.Ref[[]uint64]
			for i := range rounds {
				if err := uses[name](i); err != nil {
					t.Fatalf("round %d: %v", i, err)
				}
			}
			for i := range 6 { // what tasks leave that nobody waits for is gone, too
				await(t, fmt.Sprint("there is room for ", i), func() string {
					r := mobula.Put(block(i, size))
					if _, err := r.Get(ctx); err != nil {
						return err.Error()
					}
					rest = append(rest, r)
					return ""
				})
			}
		})
	}
}

func diskOf(t *testing.T) spill.FS {
	d := &smallDisk{dir: t.TempDir()}
	d.left.Store(1 << 40)
	return d
}
