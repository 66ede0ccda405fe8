package head

import (
	"context"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/id"
)

// govern leads whenever the log has this head lead, until the head ends.
func (h *Head) govern() {
	for {
		lost, err := h.log.Lead(h.life)
		if err != nil {
			return // the head ends
		}
		err = h.beginTerm(lost)
		broken := err != nil && h.ctx.Err() == nil // else another head leads already, or this one ends
		if err == nil || broken {
			select {
			case h.led <- err:
			default:
			}
		}
		if err == nil {
			<-h.ctx.Done()
		}
		h.endTerm()
		if broken {
			h.giveUp(err)
		}
	}
}

// giveUp has another head lead in the place of this one, which cannot.
func (h *Head) giveUp(why error) {
	h.logger.Error("this head cannot lead", "error", why)
	if len(h.addresses()) > 1 {
		if err := h.log.Transfer(); err != nil {
			h.logger.Warn("no other head leads in its place", "error", err)
		}
	}
	select {
	case <-h.life.Done():
	case <-time.After(time.Second):
	}
}

// beginTerm begins a time of leading. It ends with lost, or the head.
func (h *Head) beginTerm(lost <-chan struct{}) error {
	h.ctx, h.stop = context.WithCancel(h.life)
	h.wg.Go(func() {
		select {
		case <-lost:
			h.stop()
		case <-h.ctx.Done():
		}
	})
	h.mu.Lock()
	h.began, h.pruned = time.Now(), time.Now()
	h.mu.Unlock()
	if err := h.init(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leads = true
	h.wg.Go(h.loop)
	return nil
}

// init makes the cluster if there is none, and what this head has to have of it.
func (h *Head) init() error {
	if err := h.restore(); err != nil {
		return err
	}
	if h.View().Meta() == nil {
		if _, err := h.propose(&state.Init{ID: id.New[id.Job]().String(), Name: h.conf.Name, Margin: h.conf.Timing.Margin.Milliseconds(), Time: now()}); err != nil {
			return err
		}
	}
	if h.ca == nil {
		return nil
	}
	if err := h.noteAddress(); err != nil {
		return err
	}
	return h.ownTokens()
}

// endTerm ends all that a head does which leads.
func (h *Head) endTerm() {
	h.mu.Lock()
	h.leads = false
	var open []*session
	for s := range h.sessions {
		open = append(open, s)
	}
	h.mu.Unlock()
	h.stop()
	for _, s := range open {
		s.conn.Abort()
	}
	h.wg.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
}

// forget drops what is known beside the state: a new time of leading begins without. h.mu is held.
func (h *Head) forget() {
	h.sessions, h.links = map[*session]bool{}, map[id.Node]*link{}
	h.placing, h.starting = map[id.PlacementGroup]*placing{}, map[id.Actor]context.CancelFunc{}
	h.verdicts, h.launching, h.reasons = map[id.ID]verdict{}, map[string]bool{}, map[string]string{}
	h.found, h.turn = found{}, id.Job{}
	h.hub.takeWork()
}

// awaitGovernment waits until this head leads, or another one does.
func (h *Head) awaitGovernment(ctx context.Context) error {
	look := time.NewTicker(lookTime)
	defer look.Stop()
	for {
		select {
		case err := <-h.led:
			return err
		case <-look.C:
			if m, known := h.log.Leader(); known && !m.Self {
				return nil
			}
		case <-ctx.Done():
			return headwire.Errorf(headwire.Unavailable, "no head leads: more than half of the heads must run (%s)", h.membersText())
		}
	}
}

// handOver has another head lead, if this one does and there is one.
func (h *Head) handOver() {
	h.mu.Lock()
	leads := h.leads
	h.mu.Unlock()
	if !leads || len(h.addresses()) < 2 {
		return
	}
	if err := h.log.Transfer(); err != nil {
		h.logger.Warn("the head ends without another one that leads", "error", err)
	}
}
