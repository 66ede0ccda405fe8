package driver

import (
	"context"
	"sync"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
)

// services is the connection for what the head is asked, through the node. It is made with the first question.
type services struct {
	mu     sync.Mutex // guards client; nothing is locked after it but its connection
	client *headclient.Client
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
	c, err := headclient.Connect(ctx, headclient.Config{
		Addresses: []string{"unix:" + d.conf.Node}, Role: wire.RoleCLI, Build: d.conf.Build, Values: map[string]string{wire.ValueJob: d.conf.Job.String()},
	})
	if err != nil {
		return nil, err
	}
	d.services.client = c
	d.wg.Go(func() {
		<-d.ctx.Done()
		c.Close()
	})
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
