package node

import (
	"time"

	"mobula/cluster/gpu"
)

// deviceChanged takes what has happened to a device: one that is lost is given to nobody until it is found again.
func (n *Node) deviceChanged(c gpu.Change) {
	n.logger.Warn("a device has changed", "device", c.ID, "event", c.Event, "reason", c.Why)
	if c.Event != gpu.WasLost && c.Event != gpu.WasFound {
		return
	}
	n.update(func(b *book, now time.Time) {
		if err := b.setLost(c.ID, c.Event == gpu.WasLost, now); err != nil {
			n.logger.Debug("a device that this node does not offer", "error", err)
		}
	})
}

// setLost marks a device as lost, or as found again. Who holds it keeps it: its tasks find out.
func (b *book) setLost(device string, lost bool, now time.Time) error {
	if err := b.ledger.SetLost(device, lost); err != nil {
		return err
	}
	b.schedule(now)
	return nil
}
