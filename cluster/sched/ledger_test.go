package sched

import (
	"errors"
	"math/rand/v2"
	"testing"

	"mobula/internal/id"
)

func lease(n byte) id.Lease { return id.Lease{ID: id.ID{15: n}} }

// TestLedgerRefuses: what makes no sense changes nothing and says why.
func TestLedgerRefuses(t *testing.T) {
	l := NewLedger(Resources{CPU: Whole(2), GPU: Whole(2)}, nil)
	key := BundleKey{id.PlacementGroup{ID: id.ID{1}}, 0}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.Acquire(lease(1), Resources{CPU: One}, nil))
	must(l.Reserve(key, Resources{CPU: One, GPU: One}, nil))
	must(l.AcquireIn(key, lease(2), Resources{GPU: One / 2}, nil))
	before := l.Pool()
	refused := map[string]error{}
	_, refused["held already"] = l.Acquire(lease(1), Resources{}, nil)
	_, refused["too much"] = l.Acquire(lease(3), Resources{CPU: One}, nil)
	_, refused["negative"] = l.Acquire(lease(3), Resources{CPU: -One}, nil)
	_, refused["device in use"] = l.Acquire(lease(3), Resources{GPU: One}, []Share{{0, One}})
	_, refused["device twice"] = l.Acquire(lease(3), Resources{GPU: One}, []Share{{1, One / 2}, {1, One / 2}})
	_, refused["no such bundle"] = l.AcquireIn(BundleKey{}, lease(3), Resources{}, nil)
	_, refused["bundle too small"] = l.AcquireIn(key, lease(3), Resources{GPU: One}, nil)
	_, refused["bundle here already"] = l.Reserve(key, Resources{}, nil)
	_, refused["bundle negative"] = l.Reserve(BundleKey{}, Resources{Memory: -1}, nil)
	refused["release"] = l.Release(lease(9))
	refused["block"] = l.Block(lease(9))
	refused["unblock"] = l.Unblock(lease(1))
	refused["bundle in use"] = l.Unreserve(key)
	refused["no bundle"] = l.Unreserve(BundleKey{})
	refused["no device"] = l.SetLost("x", true)
	for what, err := range refused {
		_, ledger := errors.AsType[*LedgerError](err)
		_, insufficient := errors.AsType[*Insufficient](err)
		if !ledger && !insufficient || err.Error() == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := l.Pool(); !after.Free.Equal(before.Free) || l.problem(false) != "" || l.Leases() != 2 {
		t.Errorf("changed by what was refused: %v, %v", before.Free, after.Free)
	}
	if _, ok := l.BundlePool(BundleKey{}); ok {
		t.Error("a bundle that is not there has a pool")
	}
}

// TestDeviceLost: who holds a lost device keeps it, and nobody gets it anew until it is found.
func TestDeviceLost(t *testing.T) {
	l := NewLedger(Resources{CPU: Whole(2)}, []Device{{ID: "GPU-a"}, {ID: "GPU-b"}})
	shares, err := l.Acquire(lease(1), Resources{GPU: One / 2}, nil)
	if err != nil || shares[0] != (Share{0, One / 2}) {
		t.Fatal(shares, err)
	}
	if err := l.SetLost("GPU-a", true); err != nil {
		t.Fatal(err)
	}
	if p := l.Pool(); p.Total.GPU != One || p.Free.GPU != One {
		t.Errorf("%v of %v", p.Free, p.Total)
	}
	if shares, err := l.Acquire(lease(2), Resources{GPU: One / 2}, nil); err != nil || shares[0].Device != 1 {
		t.Error(shares, err)
	}
	if err := l.Release(lease(1)); err != nil {
		t.Error(err)
	}
	if err := l.SetLost("GPU-a", false); err != nil {
		t.Error(err)
	}
	if shares, err := l.Acquire(lease(3), Resources{GPU: One}, nil); err != nil || shares[0].Device != 0 {
		t.Error(shares, err)
	}
}

// TestBundleDeviceLost: a bundle learns of its devices.
func TestBundleDeviceLost(t *testing.T) {
	l := NewLedger(Resources{GPU: Whole(2)}, nil)
	key := BundleKey{Index: 1}
	if _, err := l.Reserve(key, Resources{GPU: Whole(2)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.SetLost("1", true); err != nil {
		t.Fatal(err)
	}
	if p, _ := l.BundlePool(key); p.Total.GPU != One {
		t.Errorf("the bundle has %v", p.Total)
	}
	if err := l.Unreserve(key); err != nil || l.problem(false) != "" {
		t.Error(err, l.problem(false))
	}
}

// TestLedgerProperties does random things to a ledger and adds it up after each.
func TestLedgerProperties(t *testing.T) {
	for seed := range uint64(500) {
		c := &chance{Rand: rand.New(rand.NewPCG(seed, 11)), sim: newSim(t)}
		l := NewLedger(Resources{CPU: Whole(c.IntN(9)), GPU: Whole(c.IntN(4)), Memory: 4 << 30, Custom: map[string]Amount{"fpga": Whole(2)}}, nil)
		unblocked := false
		for step := range 60 {
			key := BundleKey{Index: c.IntN(3)}
			some := lease(byte(c.IntN(8)))
			var err error
			switch c.IntN(9) {
			case 0, 1:
				_, err = l.Acquire(some, c.resources(), nil)
			case 2, 3:
				_, err = l.AcquireIn(key, some, c.resources(), nil)
			case 4:
				err = l.Release(some)
			case 5:
				err = l.Block(some)
			case 6:
				err = l.Unblock(some)
				unblocked = unblocked || err == nil
			case 7:
				_, err = l.Reserve(key, c.resources(), nil)
			case 8:
				err = l.Unreserve(key)
			}
			if problem := l.problem(unblocked); problem != "" {
				t.Fatalf("seed %d, step %d: %s (after %v)", seed, step, problem, err)
			}
		}
		emptyLedger(t, l)
	}
}

// emptyLedger gives everything back: then all is free again.
func emptyLedger(t *testing.T, l *Ledger) {
	for n := range byte(8) {
		_ = l.Release(lease(n)) // some are not held
	}
	for i := range 3 {
		_ = l.Unreserve(BundleKey{Index: i}) // some are not there
	}
	if p := l.Pool(); !p.Free.Equal(p.Total) || len(p.Users) != 0 || l.Leases() != 0 {
		t.Fatalf("%v of %v is free after all was given back, users %v", p.Free, p.Total, p.Users)
	}
}
