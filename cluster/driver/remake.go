package driver

import (
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// maxRemakes bounds how often the task of a lost object is run again.
const maxRemakes = 10

// Remake has the task run again whose result was at a place and is lost there. It reports whether the object is, or will be, there
// again: not where it was put, or made by an actor, whose calls run once.
func (o *Object) Remake(place wire.Place) bool {
	t := o.task
	if t == nil || t.d == nil || t.spec.Form == 0 || t.spec.Form >= wire.FormActor {
		return false
	}
	o.mu.Lock()
	switch {
	case !o.ready: // another has asked for it
		o.mu.Unlock()
		return true
	case o.err != nil || o.value.Place != place:
		again := o.err == nil
		o.mu.Unlock()
		return again
	case t.remakes >= maxRemakes:
		o.mu.Unlock()
		return false
	}
	t.remakes++
	o.ready, o.value, o.done = false, wire.Payload{}, nil
	o.mu.Unlock()
	t.failed.Store(nil)
	t.d.whenReady(t, func() { t.d.enqueue(t) })
	return true
}

// remakeInput has an input made again that a worker did not find. It reports whether t is to be tried again.
func (d *Driver) remakeInput(t *task, err error) bool {
	if d.conf.LostObject == nil {
		return false
	}
	lost, ok := d.conf.LostObject(err)
	if !ok {
		return false
	}
	for _, in := range t.spec.Inputs {
		value, failure := in.Result()
		if failure == nil && holds(&value, lost) {
			return in.Remake(value.Place)
		}
	}
	return false
}

// holds reports whether a payload is at the place of an object.
func holds(p *wire.Payload, object id.Object) bool {
	return p.Place.Object == object && !p.Place.IsZero()
}
