package driver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"sync"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
)

// services is the connection for what the head is asked, through the node. It is made with the first question.
type services struct {
	mu      sync.Mutex // guards below; nothing is locked after it but the connection
	client  *headclient.Client
	program string // SHA-256 of the executable, in hex; "" before it is asked for
}

// sum is the SHA-256 of the driver's program, "" where it has none. It is read once.
func (s *services) sum(path string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.program != "" || path == "" {
		return s.program, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	s.program = hex.EncodeToString(hash.Sum(nil))
	return s.program, nil
}

// Cluster returns what methods of package headwire can be asked of (headwire.Ask): those of the head, and of the node that it is reached through.
func (d *Driver) Cluster(ctx context.Context) (headwire.Caller, error) {
	if err := d.Err(); err != nil {
		return nil, err
	}
	d.services.mu.Lock()
	defer d.services.mu.Unlock()
	if c := d.services.client; c != nil {
		return c, nil
	}
	var c *headclient.Client
	var err error
	connected := make(chan struct{})
	d.apart(func() {
		defer close(connected)
		c, err = headclient.Connect(ctx, headclient.Config{
			Addresses: []string{"unix:" + d.conf.Node}, Role: wire.RoleCLI, Build: d.conf.Build, Values: map[string]string{wire.ValueJob: d.conf.Job.String()},
		})
		if err == nil {
			d.wg.Go(func() {
				<-d.ctx.Done()
				c.Close()
			})
		}
	})
	select {
	case <-connected:
	case <-d.ctx.Done():
		return nil, d.Err()
	}
	if err != nil {
		return nil, err
	}
	d.services.client = c
	return c, nil
}

// askHead asks the head, or the node.
func askHead[In, Out any](ctx context.Context, d *Driver, m headwire.Method[In, Out], in In) (out Out, err error) {
	c, err := d.Cluster(ctx)
	if err != nil {
		return out, err
	}
	return headwire.Ask(ctx, c, m, in)
}
