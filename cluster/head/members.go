package head

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/statelog"
)

// Join says where the other heads are.
type Join struct {
	Addresses []string        // of one of them, or more
	Token     *headwire.Token // of headwire.HeadToken
}

// headID reads the id of a head, or makes one.
func headID(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	name := filepath.Join(dir, idName)
	data, err := os.ReadFile(name)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "raft")); err == nil {
		return "", nil // of before heads had ids
	}
	text := strings.ToLower(rand.Text()[:12])
	return text, writeSecret(name, []byte(text+"\n"))
}

// others connects to the heads that this one joins.
func (h *Head) others(ctx context.Context) (*headclient.Client, error) {
	c, err := headclient.Connect(ctx, headclient.Config{Addresses: h.conf.Join.Addresses, Token: h.conf.Join.Token, Build: h.conf.Version, Logger: h.logger})
	if err != nil {
		return nil, fmt.Errorf("join the other heads: %w", err)
	}
	return c, nil
}

// fetchAuthority gets the certificate authority of the heads that this one joins. One that has joined has it.
func (h *Head) fetchAuthority(ctx context.Context) error {
	if h.conf.Join == nil {
		return nil
	}
	if h.conf.Dir == "" {
		return errors.New("join the other heads: a further head needs a directory")
	}
	name := filepath.Join(h.conf.Dir, authorityFile)
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	c, err := h.others(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	a, err := headwire.Ask(ctx, c, headwire.GetAuthority, headwire.None{})
	if err != nil {
		return fmt.Errorf("join the other heads: %w", err)
	}
	if _, err := parseAuthority(a.PEM); err != nil {
		return fmt.Errorf("join the other heads: %w", err)
	}
	return writeSecret(name, a.PEM)
}

// joinHeads has the other heads count this one in.
func (h *Head) joinHeads(ctx context.Context) error {
	c, err := h.others(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = headwire.Ask(ctx, c, headwire.AddHead, headwire.HeadRef{ID: h.self.ID, Address: h.self.Address}); err != nil {
		return fmt.Errorf("join the other heads: %w", err)
	}
	return nil
}

// getAuthority is for heads that join.
func (h *Head) getAuthority(context.Context, *session, headwire.None) (headwire.Authority, error) {
	if h.ca == nil {
		return headwire.Authority{}, headwire.Errorf(headwire.Unavailable, "this head serves its own machine only: start one that listens on a port")
	}
	text, err := h.ca.text()
	return headwire.Authority{PEM: text}, err
}

func (h *Head) addHead(ctx context.Context, _ *session, in headwire.HeadRef) (headwire.None, error) {
	if h.network == nil {
		return headwire.None{}, headwire.Errorf(headwire.Unavailable, "this head serves its own machine only: start one that listens on a port")
	}
	if in.ID == "" || in.Address == "" {
		return headwire.None{}, headwire.Errorf(headwire.Invalid, "a head has an id and an address")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := h.network.dial(ctx, in.Address, protocolLog) // a member that nobody reaches keeps the others from agreeing
	if err != nil {
		return headwire.None{}, headwire.Errorf(headwire.Unavailable, "the new head is not reached at %s from here: %v: give it with --host the address by which this machine reaches it", in.Address, err)
	}
	_ = conn.Close() // it has shown its certificate
	err = h.log.Add(statelog.Member{ID: in.ID, Address: in.Address})
	if err == nil {
		h.logger.Info("a head has joined", "id", in.ID, "address", in.Address)
	}
	return headwire.None{}, h.asLeader(err)
}

func (h *Head) removeHead(_ context.Context, _ *session, in headwire.HeadRef) (headwire.None, error) {
	err := h.log.Remove(in.ID)
	if err == nil {
		h.logger.Info("a head is no member any more", "id", in.ID)
		return headwire.None{}, nil
	}
	if err = h.asLeader(err); errors.Is(err, statelog.ErrNotLeader) {
		return headwire.None{}, err
	}
	return headwire.None{}, headwire.Errorf(headwire.Invalid, "%v", err)
}

// asLeader waits for the end of this head's time where an error says that it leads no more: the caller asks again, then.
func (h *Head) asLeader(err error) error {
	if errors.Is(err, statelog.ErrNotLeader) {
		<-h.ctx.Done()
	}
	return err
}

// probeTime bounds how long another head may take to answer when the heads are listed.
const probeTime = time.Second

func (h *Head) listHeads(ctx context.Context, _ *session, _ headwire.None) ([]headwire.HeadInfo, error) {
	members, err := h.log.Members()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	all := make([]headwire.HeadInfo, len(members))
	var probing sync.WaitGroup
	for i, m := range members {
		all[i] = headwire.HeadInfo{ID: m.ID, Address: m.Address, State: headwire.HeadLeads}
		if !m.Self {
			probing.Go(func() { all[i].State = h.probe(ctx, m) })
		}
	}
	probing.Wait()
	return all, nil
}

// probe tells whether another head answers.
func (h *Head) probe(ctx context.Context, m statelog.Member) string {
	if h.network == nil {
		return headwire.HeadNotReached
	}
	conn, err := h.network.dial(ctx, m.Address, protocolLog)
	if err != nil {
		return headwire.HeadNotReached
	}
	_ = conn.Close() // it has shown its certificate
	return headwire.HeadFollows
}

// noteAddress has the other heads know where this one is now.
func (h *Head) noteAddress() error {
	members, err := h.log.Members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Self && m.ID != "" && m.Address != h.self.Address {
			return h.asLeader(h.log.Add(statelog.Member{ID: m.ID, Address: h.self.Address}))
		}
	}
	return nil
}

// addresses are those of all heads that can be reached from elsewhere.
func (h *Head) addresses() (all []string) {
	members, err := h.log.Members()
	if err != nil {
		return nil // it ends
	}
	for _, m := range members {
		if m.Address != "" {
			all = append(all, m.Address)
		}
	}
	return all
}

func (h *Head) membersText() string { return strings.Join(h.addresses(), ", ") }
