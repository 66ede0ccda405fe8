package kernel

import (
	"encoding/json"
	"maps"
	"slices"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/wire"
)

var _ interp.CommSink = (*outputs)(nil)

// commOps are the steps that front ends take.
var commOps = map[string]cellio.CommOp{"comm_open": cellio.CommOpen, "comm_msg": cellio.CommSend, "comm_close": cellio.CommClose}

// pass hands a message to the session, and returns when the handler of the cell's code has.
func (c *Comm) pass(a arrival) {
	e := cellio.CommEvent{Op: commOps[a.Header.MsgType], Cell: c.cell, ID: c.ID, Target: c.Target, Message: a.message}
	engine, ok := c.comms.k.commEngine()
	if !ok {
		c.Close(object{"error": "the engine has no comms"})
		return
	}
	err := engine.Comm(c.comms.k.ctx, e)
	if err == nil {
		return
	}
	c.comms.k.log.Info("a comm message was not taken", "target", c.Target, "comm", c.ID, "err", err)
	if e.Op == cellio.CommOpen {
		c.Close(object{"error": err.Error()})
	}
}

// commEngine is the engine, once it is there, if it has comms.
func (k *Kernel) commEngine() (interp.CommEngine, bool) {
	select {
	case <-k.opened:
		e, ok := k.engine.(interp.CommEngine)
		return e, ok
	default:
		return nil, false
	}
}

// Comm implements interp.CommSink: one step of a comm by code of a cell.
func (o *outputs) Comm(e cellio.CommEvent) {
	cs, m := o.k.comms, e.Message
	var metadata any
	if len(m.Metadata) > 0 {
		metadata = m.Metadata
	}
	c := cs.get(e.ID)
	switch {
	case e.Op == cellio.CommServe:
		cs.mu.Lock()
		cs.hosted[e.Target] = e.Cell
		cs.mu.Unlock()
		return
	case e.Op == cellio.CommOpen && c == nil:
		c = cs.add(&Comm{ID: e.ID, Target: e.Target, hosted: true, cell: e.Cell})
		c.publish("comm_open", object{"comm_id": c.ID, "target_name": c.Target, "data": orObject(m.Data)}, metadata, m.Buffers)
	case c == nil || !c.hosted:
		o.k.log.Info("drop what a cell does with a comm that is closed", "comm", e.ID)
		return
	case e.Op == cellio.CommStill:
		cs.mu.Lock()
		c.still = e.Still
		cs.mu.Unlock()
		return
	case e.Op == cellio.CommSend:
		c.publishUnder(e.Cell, "comm_msg", object{"comm_id": c.ID, "data": orObject(m.Data)}, metadata, m.Buffers)
	case e.Op == cellio.CommClose:
		c.Close(m.Data)
	}
	o.k.drain()
}

// CommsEnded implements interp.CommSink. The views of the process end with its comms.
func (o *outputs) CommsEnded(ids, targets []string) {
	o.stopViews()
	cs := o.k.comms
	var list []*Comm
	cs.mu.Lock()
	for _, t := range targets {
		delete(cs.hosted, t)
	}
	for _, id := range slices.Sorted(maps.Keys(cs.byID)) {
		if c := cs.byID[id]; c.hosted && (slices.Contains(ids, id) || slices.Contains(targets, c.Target)) {
			list = append(list, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range cs.end(list...) {
		c.publish("comm_close", object{"comm_id": c.ID, "data": object{}}, nil, nil)
	}
}

// view is an output that shows a comm's model.
type view struct {
	comm *Comm
	cell int
	rest cellio.Data // what else is in its bundle; at the end, what replaces it
}

// viewed notes which model an output shows, and gives an output that shows one an id by which it can be replaced. A view of a model that
// is gone becomes the rest of its bundle: front ends would show an error in its place.
func (cs *comms) viewed(cell int, d cellio.Display) cellio.Display {
	raw, isView := d.Data[cellio.MIMEWidgetView]
	if !isView && d.ID == "" {
		return d
	}
	var of struct {
		Model string `json:"model_id"`
	}
	_ = json.Unmarshal(raw, &of) // what names no model has no comm
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.views, d.ID) // what it has shown before
	if !isView {
		return d
	}
	rest := maps.Clone(d.Data)
	delete(rest, cellio.MIMEWidgetView)
	c := cs.byID[of.Model]
	if c == nil {
		d.Data = rest
		return d
	}
	if d.ID == "" {
		d.ID = wire.NewID()
	}
	cs.views[d.ID] = view{c, cell, rest}
	return d
}

// takeViews forgets the views of comms and returns them, with what replaces them; comms.mu is held.
func (cs *comms) takeViews(of []*Comm) map[string]view {
	taken := map[string]view{}
	for id, v := range cs.views {
		if !slices.Contains(of, v.comm) {
			continue
		}
		if v.comm.still != nil {
			v.rest = v.comm.still
		}
		taken[id] = v
		delete(cs.views, id)
	}
	return taken
}

// settle replaces views by what needs no comm.
func (o *outputs) settle(views map[string]view) {
	for _, id := range slices.Sorted(maps.Keys(views)) {
		o.Display(views[id].cell, cellio.Display{ID: id, Update: true, Data: views[id].rest})
	}
}
