package node

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// bundle is a part of a placement group that is reserved here.
type bundle struct {
	key       sched.BundleKey
	releasing bool // it goes when its leases have ended
}

func bundleName(key sched.BundleKey) string {
	return key.Group.String() + "/" + strconv.Itoa(key.Index)
}

// reserve keeps resources for bundles of a group: all or none.
func (b *book) reserve(group id.PlacementGroup, parts []headwire.BundlePart, now time.Time) error {
	var done []sched.BundleKey
	for _, part := range parts {
		key := sched.BundleKey{Group: group, Index: part.Index}
		if have := b.bundles[key]; have != nil && !have.releasing {
			continue // said again
		}
		if _, err := b.ledger.Reserve(key, part.Resources, nil); err != nil {
			for _, key := range done {
				b.must(b.ledger.Unreserve(key))
				delete(b.bundles, key)
			}
			return err
		}
		b.bundles[key] = &bundle{key: key}
		done = append(done, key)
	}
	b.schedule(now)
	return nil
}

// release gives back the bundles of a group that are listed, or all.
func (b *book) release(m headwire.Bundles, now time.Time) {
	b.releaseWhere(now, func(key sched.BundleKey) bool { return key.Group == m.Group && (len(m.List) == 0 || lists(m, key)) })
}

func lists(m headwire.Bundles, key sched.BundleKey) bool {
	return m.Group == key.Group && slices.ContainsFunc(m.List, func(part headwire.BundlePart) bool { return part.Index == key.Index })
}

// releaseWhere ends what runs in bundles, and then gives back what they hold.
func (b *book) releaseWhere(now time.Time, over func(sched.BundleKey) bool) {
	for _, held := range b.sortedBundles() {
		if held.releasing || !over(held.key) {
			continue
		}
		held.releasing = true
		for _, d := range b.allDemands() {
			if d.class.bundle != nil && *d.class.bundle == held.key {
				b.drop(d, "its placement group was removed", now)
			}
		}
		for _, w := range b.sortedWorkers() {
			if w.bundle != nil && *w.bundle == held.key && w.state != workerEnding {
				b.stop(w, "its placement group was removed")
			}
		}
		b.tryUnreserve(held.key)
	}
	b.schedule(now)
}

// keepBundles releases what is not listed, and reserves what is listed and not here.
func (b *book) keepBundles(list []headwire.Bundles, now time.Time) error {
	b.releaseWhere(now, func(key sched.BundleKey) bool {
		return !slices.ContainsFunc(list, func(x headwire.Bundles) bool { return lists(x, key) })
	})
	var failed error
	for _, x := range list {
		if err := b.reserve(x.Group, x.List, now); err != nil {
			failed = errors.Join(failed, fmt.Errorf("reserve the bundles of placement group %s: %w", x.Group.Short(), err))
		}
	}
	return failed
}

// tryUnreserve gives back what a bundle holds, once nothing runs in it.
func (b *book) tryUnreserve(key sched.BundleKey) {
	held := b.bundles[key]
	if held == nil || !held.releasing {
		return
	}
	for _, l := range b.leases {
		if l.class.bundle != nil && *l.class.bundle == key {
			return
		}
	}
	b.must(b.ledger.Unreserve(key))
	delete(b.bundles, key)
}

// scheduleBundles gives what is free in bundles to those who wait for that.
func (b *book) scheduleBundles(now time.Time) {
	for _, d := range b.allDemands() {
		if d.want == 0 || !d.pinned || d.class.bundle == nil {
			continue
		}
		held := b.bundles[*d.class.bundle]
		if held == nil || held.releasing {
			b.deny(d, "the bundle of its placement group is not on "+b.conf.node.Name+" any more")
			continue
		}
		b.placeInBundle(d, held.key, now)
	}
}

func (b *book) placeInBundle(d *demand, key sched.BundleKey, now time.Time) {
	if d.class.empty() {
		b.leaseEmpty(d, now)
		return
	}
	for d.want > 0 {
		slot := id.Lease{ID: b.conf.ids.Next()}
		shares, err := b.ledger.AcquireIn(key, slot, d.class.resources, nil)
		if err != nil {
			d.reason = "waits for room in its placement group: " + err.Error()
			return
		}
		b.lease(d, []id.Lease{slot}, shares, 1, now)
	}
}

func (b *book) sortedBundles() []*bundle {
	return slices.SortedFunc(maps.Values(b.bundles), func(x, y *bundle) int {
		return cmp.Or(x.key.Group.Compare(y.key.Group.ID), cmp.Compare(x.key.Index, y.key.Index))
	})
}
