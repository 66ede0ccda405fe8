package controls

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"mobula/internal/cellio"
)

const (
	sendPeriod  = 50 * time.Millisecond  // between two rounds of changes
	sendRound   = 25                     // messages of a round
	stillPeriod = 500 * time.Millisecond // between two states of a static twin
)

// hub has the models that the front end knows, and sends it what changes. There is one in a process.
type hub struct {
	sending sync.Mutex // held while messages go out: those of a comm stay in order

	mu      sync.Mutex           // guards below, and the fields of models that say so
	port    cellio.CommPort      // of the front end that is served
	open    map[string]*model    // by the id of their comms
	changed []*model             // with changes to be sent, oldest first
	stills  map[*model]time.Time // shown models whose static twin changes, and since when
	armed   bool                 // a round is to come
	last    time.Time            // of the last round
	paced   time.Time            // when the last message could be sent
	told    bool                 // that sending fails
}

var theHub = newHub()

func newHub() *hub { return &hub{open: map[string]*model{}, stills: map[*model]time.Time{}} }

// show makes the front end know a model, and those that it refers to; it returns the model's id.
func (h *hub) show(m *model) (id string, err error) {
	port, err := cellio.Comms()
	if err != nil {
		return "", err
	}
	h.sending.Lock()
	defer h.sending.Unlock()
	if err := h.serve(port); err != nil {
		return "", err
	}
	if err := h.openAll(m); err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.comm == nil {
		return "", errors.New("it was closed")
	}
	m.shown = true
	h.stillChanged(m)
	h.arm()
	return m.comm.ID(), nil
}

// serve answers a front end that asks for all models, once; h.sending is held.
func (h *hub) serve(port cellio.CommPort) error {
	h.mu.Lock()
	known := h.port == port
	h.port = port
	h.mu.Unlock()
	if known {
		return nil
	}
	port.OnCellEnd(h.flush)
	return port.ServeComms(controlTarget, func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error) {
		return cellio.CommHandler{Message: h.control}, nil
	})
}

// openAll opens the comms of a model and, before it, of those that it refers to; h.sending is held.
func (h *hub) openAll(m *model) error {
	h.mu.Lock()
	known, refs := m.comm != nil || m.closed, m.state.refs()
	h.mu.Unlock()
	for _, r := range refs {
		if err := h.openAll(r); err != nil {
			return err
		}
	}
	if known {
		return nil
	}
	h.mu.Lock()
	message, err := m.message("", nil)
	clear(m.dirty)
	port := h.port
	h.mu.Unlock()
	if err != nil {
		return err
	}
	comm, err := port.OpenComm(modelTarget, message, cellio.CommHandler{Message: m.receive, Closed: func(cellio.CommMessage) { h.forget(m) }})
	if err != nil {
		return fmt.Errorf("show %s: %w", m.kind, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	m.comm = comm
	h.open[comm.ID()] = m
	if len(m.dirty) > 0 {
		h.enqueue(m)
	}
	return nil
}

// change changes a model's state and has the front end learn of it.
func (h *hub) change(m *model, values attrs) { h.do(func() { h.set(m, values) }) }

// do calls f with h.mu held, and has the front end learn of what it changes.
func (h *hub) do(f func()) {
	if h.doLocked(f) {
		h.round(sendRound)
	}
}

func (h *hub) doLocked(f func()) (now bool) {
	h.mu.Lock()
	defer h.mu.Unlock() // f may panic
	f()
	return h.arm()
}

// set changes a model's state; h.mu is held.
func (h *hub) set(m *model, values attrs) {
	for key, v := range values {
		m.state[key] = v
		m.dirty[key] = true
	}
	if m.comm != nil {
		h.enqueue(m)
	}
	h.stillChanged(m)
}

func (h *hub) enqueue(m *model) {
	if !m.queued {
		m.queued = true
		h.changed = append(h.changed, m)
	}
}

// stillChanged notes that the static twins of the shown models that have m in them change; h.mu is held.
func (h *hub) stillChanged(m *model) {
	if m.shown && h.stills[m].IsZero() {
		h.stills[m] = time.Now()
	}
	for _, p := range m.parents {
		h.stillChanged(p)
	}
}

// arm sees to the next round; true asks the caller for one now. h.mu is held.
func (h *hub) arm() (now bool) {
	if h.armed || len(h.changed)+len(h.stills) == 0 {
		return false
	}
	wait := sendPeriod - time.Since(h.last)
	if wait <= 0 && len(h.changed) > 0 {
		h.last = time.Now()
		return true
	}
	h.armed = true
	time.AfterFunc(max(wait, sendPeriod), h.tick)
	return false
}

func (h *hub) tick() {
	h.mu.Lock()
	h.armed, h.last = false, time.Now() // a change that comes before the round asks for none of its own
	h.mu.Unlock()
	h.round(sendRound)
}

// round sends the changes of at most so many models and the twins that are due, and sees to the next round.
func (h *hub) round(most int) {
	h.sending.Lock()
	defer h.sending.Unlock()
	h.mu.Lock()
	h.last = time.Now()
	n := min(most, len(h.changed))
	list := slices.Clone(h.changed[:n])
	h.changed = slices.Delete(h.changed, 0, n)
	twins := h.due(stillPeriod)
	h.mu.Unlock()
	h.send(list, twins)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.armed && len(h.changed)+len(h.stills) > 0 {
		h.armed = true
		time.AfterFunc(sendPeriod, h.tick)
	}
}

// flush sends all that waits: a cell has ended, and what reads its messages may not look at later ones.
func (h *hub) flush() {
	h.sending.Lock()
	defer h.sending.Unlock()
	h.mu.Lock()
	list, twins := h.changed, h.due(0)
	h.changed = nil
	h.mu.Unlock()
	h.send(list, twins)
}

// due takes the models whose twins have changed so long ago; h.mu is held.
func (h *hub) due(age time.Duration) (list []*model) {
	for m, since := range h.stills {
		if time.Since(since) >= age {
			delete(h.stills, m)
			list = append(list, m)
		}
	}
	return list
}

// send sends the changes of models and the static twins of others; h.sending is held.
func (h *hub) send(list, twins []*model) {
	for _, m := range list {
		h.report(h.sendChanges(m))
	}
	for _, m := range twins {
		data := m.twin().data()
		h.mu.Lock()
		comm := m.comm
		h.mu.Unlock()
		if comm != nil {
			h.report(comm.Still(data))
		}
	}
}

// sendChanges sends what the front end does not know of a model that was shown; h.sending is held.
func (h *hub) sendChanges(m *model) error {
	h.mu.Lock()
	shown := m.comm != nil
	h.mu.Unlock()
	if !shown {
		return nil
	}
	if err := h.openAll(m); err != nil { // what it refers to by now
		return err
	}
	h.mu.Lock()
	m.queued = false
	comm, n := m.comm, len(m.dirty)
	message, err := m.message("update", m.dirty)
	clear(m.dirty)
	h.mu.Unlock()
	if comm == nil || n == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return comm.Send(message)
}

// sendMessage sends a message that changes no state, after the changes before it, no faster than front ends take them.
func (h *hub) sendMessage(m *model, message cellio.CommMessage) error {
	time.Sleep(h.pace()) //nolint:forbidigo // the rate is what is wanted
	h.sending.Lock()
	defer h.sending.Unlock()
	if err := h.sendChanges(m); err != nil {
		return err
	}
	h.mu.Lock()
	comm := m.comm
	h.mu.Unlock()
	if comm == nil {
		return nil
	}
	return comm.Send(message)
}

const (
	messagePeriod = 2 * time.Millisecond // between two messages
	messageBurst  = 100                  // that may follow each other at once
)

// pace returns how long the next message has to wait.
func (h *hub) pace() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if earliest := now.Add(-messageBurst * messagePeriod); h.paced.Before(earliest) {
		h.paced = earliest
	}
	h.paced = h.paced.Add(messagePeriod)
	return h.paced.Sub(now)
}

// report tells once that the front end does not get what it should.
func (h *hub) report(err error) {
	if err == nil {
		return
	}
	h.mu.Lock()
	told := h.told
	h.told = true
	h.mu.Unlock()
	if !told {
		fmt.Fprintln(os.Stderr, "controls: the front end does not show the last changes:", err)
	}
}

// close ends a model and those that it refers to.
func (h *hub) close(m *model) {
	h.mu.Lock()
	refs := m.state.refs()
	h.mu.Unlock()
	h.closeOne(m)
	for _, r := range refs {
		h.close(r)
	}
}

func (h *hub) closeOne(m *model) {
	h.sending.Lock()
	defer h.sending.Unlock()
	h.mu.Lock()
	comm, shown := m.comm, m.shown
	m.closed = true
	h.mu.Unlock()
	if comm == nil {
		return
	}
	if shown {
		h.report(comm.Still(m.twin().data()))
	}
	h.forget(m)
	h.report(comm.Close(cellio.CommMessage{}))
}

// forget takes a model off the list.
func (h *hub) forget(m *model) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.comm == nil {
		return
	}
	delete(h.open, m.comm.ID())
	delete(h.stills, m)
	h.changed = slices.DeleteFunc(h.changed, func(x *model) bool { return x == m })
	m.comm, m.queued, m.closed = nil, false, true
}

// models are the open models by id, in order.
func (h *hub) models() (ids []string, list []*model) {
	ids = slices.Sorted(maps.Keys(h.open))
	for _, id := range ids {
		list = append(list, h.open[id])
	}
	return ids, list
}
