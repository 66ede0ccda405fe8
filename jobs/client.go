package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
)

// Job is a submitted job.
type Job = headwire.SubmittedJob

// Attempt is one run of a job's entrypoint.
type Attempt = headwire.JobAttempt

// The states of jobs, in Job.State.
const (
	Pending   = "pending"
	Running   = "running"
	Succeeded = "succeeded"
	Failed    = "failed"
	Stopped   = "stopped"
)

// Ended reports whether a job is over.
func Ended(j Job) bool { return j.State == Succeeded || j.State == Failed || j.State == Stopped }

// Config says which cluster is used.
type Config struct {
	// Address is that of a node of this machine, the path of its socket, or HOST:PORT of a head. Empty: what MOBULA_ADDRESS says, as in a job.
	Address string
	// Token is the user token of a head, or the name of the file that it is in. Empty: what MOBULA_TOKEN says. Nodes of this machine need none.
	Token string
}

// Client is a connection to a cluster.
type Client struct {
	caller headwire.Caller
	close  func()
}

// New returns a client over a connection that there is already.
func New(c headwire.Caller) *Client { return &Client{caller: c, close: func() {}} }

// Connect connects to a cluster. The connection is made again when it ends.
func Connect(ctx context.Context, c Config) (*Client, error) {
	address := cmp.Or(c.Address, os.Getenv(wire.EnvAddress))
	if address == "" {
		return nil, errors.New("connect to a cluster: no address is given, nor does MOBULA_ADDRESS tell one: mobula status shows that of a node of this machine")
	}
	conf := headclient.Config{Role: wire.RoleCLI, Addresses: []string{"unix:" + address}}
	if !strings.Contains(address, "/") {
		token, err := headwire.ReadToken(cmp.Or(c.Token, os.Getenv("MOBULA_TOKEN")))
		if err != nil {
			return nil, fmt.Errorf("connect to a cluster: the token: %w", err)
		}
		conf = headclient.Config{Role: headwire.RoleClient, Addresses: []string{address}, Token: token}
	}
	client, err := headclient.Connect(ctx, conf)
	if err != nil {
		return nil, err
	}
	return &Client{client, client.Close}, nil
}

// Close ends the connection. Jobs go on.
func (c *Client) Close() { c.close() }

// Status tells what is known of a job. The error of one that is not known is a *headwire.Error with the code headwire.NotFound.
func (c *Client) Status(ctx context.Context, id string) (Job, error) {
	return headwire.Ask(ctx, c.caller, headwire.GetSubmitted, headwire.JobRef{ID: id})
}

// List lists all jobs that were submitted and not deleted, the oldest first. Those that ended more than a week ago are forgotten.
func (c *Client) List(ctx context.Context) ([]Job, error) {
	return headwire.Ask(ctx, c.caller, headwire.ListSubmitted, headwire.None{})
}

// Wait waits until a job has ended.
func (c *Client) Wait(ctx context.Context, id string) (Job, error) {
	return headwire.Ask(ctx, c.caller, headwire.WaitSubmitted, headwire.JobWait{ID: id})
}

// WaitChange waits until the state of a job, or the number of its attempts, is another than was.
func (c *Client) WaitChange(ctx context.Context, was Job) (Job, error) {
	return headwire.Ask(ctx, c.caller, headwire.WaitSubmitted, headwire.JobWait{ID: was.ID, Seen: was.State, Attempts: len(was.Attempts)})
}

// Stop ends a job: its processes get SIGTERM, and after their grace time SIGKILL. It returns at once; Wait waits for the end.
// One that has ended stays as it is.
func (c *Client) Stop(ctx context.Context, id string) (Job, error) {
	return headwire.Ask(ctx, c.caller, headwire.StopSubmitted, headwire.JobRef{ID: id})
}

// Delete forgets a job that has ended, with its log and the files that it left.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := headwire.Ask(ctx, c.caller, headwire.DeleteSubmitted, headwire.JobRef{ID: id})
	return err
}
