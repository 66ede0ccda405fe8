package replog

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"mobula/cluster/statelog"
)

// network is a transport that ends.
type network interface {
	raft.Transport
	Close() error
}

// newTransport returns raft's way to the other heads, or, without a network, to itself. It fills in the address of a head that nobody else reaches.
func newTransport(self *statelog.Member, n statelog.Network, out io.Writer) network {
	if n != nil {
		return raft.NewNetworkTransport(streams{n}, 3, networkTime, out)
	}
	if self.Address == "" {
		self.Address = firstID
	}
	address, alone := raft.NewInmemTransport(raft.ServerAddress(self.Address))
	alone.Connect(address, alone)
	return alone
}

// electAlone has the only voter lead at once: nobody needs time to object. If it fails, raft elects it a little later.
func electAlone(t network, self statelog.Member) {
	ask := &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self.ID), Addr: []byte(self.Address)}}
	_ = t.TimeoutNow(raft.ServerID(self.ID), raft.ServerAddress(self.Address), ask, new(raft.TimeoutNowResponse))
}

// streams is a network as raft sees it.
type streams struct{ statelog.Network }

// Dial connects to another head.
func (s streams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return s.Network.Dial(string(address), timeout)
}

// lineLogger passes raft's lines on.
type lineLogger struct{ logger *slog.Logger }

// Write takes lines.
func (l lineLogger) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		_, text, _ := strings.Cut(string(line), "[")
		if strings.HasPrefix(text, "ERROR") && !unreached(text) {
			l.logger.Error("raft", "line", strings.TrimSpace(text))
		} else {
			l.logger.Debug("raft", "line", strings.TrimSpace(text))
		}
	}
	return len(b), nil
}

// unreached reports whether a line tells, as raft does again and again, that another head is not reached. Log.observe does so once.
func unreached(text string) bool {
	for _, what := range []string{"failed to appendEntries to", "failed to heartbeat to", "failed to make requestVote RPC", "failed to pipeline appendEntries", "failed to install snapshot", "failed to send snapshot to"} {
		if strings.Contains(text, what) {
			return true
		}
	}
	return false
}
