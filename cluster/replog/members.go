package replog

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"mobula/cluster/state"
	"mobula/cluster/statelog"
)

// ofOthers picks what raft tells of the heads that a leader reaches or does not.
func ofOthers(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.FailedHeartbeatObservation, raft.ResumedHeartbeatObservation:
		return true
	}
	return false
}

// observe tells once of a head that is not reached, and once that it is again.
func (l *Log) observe(what any, away map[raft.ServerID]bool) {
	switch what := what.(type) {
	case raft.FailedHeartbeatObservation:
		if !away[what.PeerID] {
			away[what.PeerID] = true
			l.logger.Warn("another head is not reached", "head", what.PeerID)
		}
	case raft.ResumedHeartbeatObservation:
		if away[what.PeerID] {
			delete(away, what.PeerID)
			l.logger.Info("another head is reached again", "head", what.PeerID)
		}
	}
}

// Leader is the head that leads as far as this one knows.
func (l *Log) Leader() (statelog.Member, bool) {
	address, id := l.raft.LeaderWithID()
	return statelog.Member{ID: string(id), Address: string(address), Leads: true, Self: string(id) == l.self.ID}, id != ""
}

// Members are the heads that vote, or learn in order to.
func (l *Log) Members() ([]statelog.Member, error) {
	conf := l.raft.GetConfiguration()
	if err := conf.Error(); err != nil {
		return nil, err
	}
	leader, _ := l.Leader()
	var all []statelog.Member
	for _, s := range conf.Configuration().Servers {
		id := string(s.ID)
		all = append(all, statelog.Member{ID: id, Address: string(s.Address), Leads: id == leader.ID, Self: id == l.self.ID})
	}
	return all, nil
}

// Add makes a head a voter.
func (l *Log) Add(m statelog.Member) error {
	err := l.raft.AddVoter(raft.ServerID(m.ID), raft.ServerAddress(m.Address), 0, memberTime).Error()
	if err != nil {
		return l.failed("add head "+m.Address, err)
	}
	return nil
}

// Remove ends the membership of a head. A leader that removes itself hands over first.
func (l *Log) Remove(id string) error {
	members, err := l.Members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.ID != id {
			continue
		}
		if len(members) == 1 {
			return errors.New("it is the only head: stop it, and remove its directory, to end the cluster")
		}
		if err := l.raft.RemoveServer(raft.ServerID(id), 0, memberTime).Error(); err != nil {
			return l.failed("remove head "+m.Address, err)
		}
		return nil
	}
	return fmt.Errorf("no head has the id %q", id)
}

// Restore replaces the state. A snapshot that cannot be read does not come into the log.
func (l *Log) Restore(snapshot []byte) error {
	read := state.New()
	if err := read.Restore(bytes.NewReader(snapshot)); err != nil {
		return err
	}
	meta := &raft.SnapshotMeta{Version: raft.SnapshotVersionMax, Index: read.View().Index(), Term: 1, Size: int64(len(snapshot))}
	if err := l.raft.Restore(meta, bytes.NewReader(snapshot), proposeTime); err != nil {
		return l.failed("restore the state", err)
	}
	return nil
}

// Transfer has another head lead.
func (l *Log) Transfer() error {
	if err := l.raft.LeadershipTransfer().Error(); err != nil {
		return fmt.Errorf("have another head lead: %w", err)
	}
	return nil
}
