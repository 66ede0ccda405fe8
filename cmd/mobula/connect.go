package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/wire"
)

// Variables that take the place of flags.
const (
	envAddress = "MOBULA_ADDRESS"
	envToken   = "MOBULA_TOKEN"
)

// connectTime bounds how long a command waits for its cluster.
const connectTime = 10 * time.Second

func machineCPUs() int { return runtime.GOMAXPROCS(0) }

// clusterFlags say which cluster a command is about, and how it shows what it is told.
type clusterFlags struct {
	address, token, output string
	given                  *pflag.FlagSet
}

// register declares --address, --token and --output.
func (c *clusterFlags) register(cmd *cobra.Command) {
	c.registerAddress(cmd)
	outputFlag(cmd, &c.output)
}

// registerAddress declares --address and --token, for commands whose output has one form.
func (c *clusterFlags) registerAddress(cmd *cobra.Command) {
	c.given = cmd.Flags()
	textFlag(cmd, &c.address, "address", "HOST:PORT", "head, or a node's socket (default $MOBULA_ADDRESS, else on this machine)")
	textFlag(cmd, &c.token, "token", "FILE", "user token of the cluster, or a file that holds it (default $MOBULA_TOKEN)")
	completeFlag(cmd, "address", completeNodes)
}

// fromEnvironment takes what no flag says from the environment. It is not the flags' default, which help would show.
func (c *clusterFlags) fromEnvironment() {
	for name, v := range map[string]struct {
		to  *string
		env string
	}{"address": {&c.address, envAddress}, "token": {&c.token, envToken}} {
		if !c.given.Changed(name) {
			*v.to = os.Getenv(v.env)
		}
	}
}

// readToken reads a token, or the file that it is in. "" is none.
func readToken(text string) (*headwire.Token, error) {
	if text == "" {
		return nil, nil
	}
	token, err := headwire.ParseToken(text)
	if err == nil {
		return &token, nil
	}
	data, unread := os.ReadFile(text)
	if unread != nil {
		return nil, misuse("--token is neither a token nor a file that can be read: %v", unread)
	}
	if token, err = headwire.ParseToken(string(data)); err != nil {
		return nil, misuse("--token %s: %v", text, err)
	}
	return &token, nil
}

// connect finds the cluster: the one that is named, or that of a node of this machine.
func (c *clusterFlags) connect(ctx context.Context) (*headclient.Client, error) {
	c.fromEnvironment()
	conf := headclient.Config{Build: version, Role: wire.RoleCLI}
	if c.address == "" {
		n, err := nearestNode(ctx)
		if err != nil {
			return nil, err
		}
		c.address = n.Address
	}
	advice := "is a node there? mobula status  without --address finds those of this machine"
	if conf.Addresses = []string{"unix:" + c.address}; !c.local() {
		var err error
		if conf.Token, err = c.userToken(); err != nil {
			return nil, err
		}
		conf.Addresses, conf.Role = withPorts(c.address), headwire.RoleClient
		advice = headAdvice
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	client, err := headclient.Connect(ctx, conf)
	return client, explainDial(err, advice)
}

// local reports whether the address is that of a node's socket.
func (c *clusterFlags) local() bool {
	return strings.Contains(c.address, "/") && !strings.HasPrefix(c.address, "mobula://")
}

func (c *clusterFlags) userToken() (*headwire.Token, error) {
	const where = "the user token, or the file that the head wrote it to (it is in the output of  mobula start --head)"
	token, err := readToken(c.token)
	switch {
	case err != nil:
		return nil, err
	case token == nil:
		return nil, misuse("--address HOST:PORT goes with --token: %s", where)
	case token.Kind != headwire.UserToken:
		return nil, misuse("this is a %s token: --token wants %s", token.Kind, where)
	}
	return token, nil
}

const headAdvice = "does a head run there? Its address is in the output of  mobula start --head"

// explainDial adds what to do where nobody answers.
func explainDial(err error, advice string) error {
	_, refused := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: nothing has answered within %v: if it hangs, end it there with  mobula stop --force", err, connectTime)
	case refused:
		return fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

// nearestNode is the node of this machine that commands are for: one with a head before others, and those before the embedded ones.
func nearestNode(ctx context.Context) (node.Info, error) {
	nodes, err := localNodes(ctx)
	if len(nodes) == 0 {
		if err == nil {
			err = errors.New("no cluster runs on this machine: start one with  mobula start --head  or name one with --address HOST:PORT --token FILE")
		}
		return node.Info{}, err
	}
	best := nodes[0]
	for _, n := range nodes {
		if !n.Embedded && n.Head && (best.Embedded || !best.Head) {
			best = n
		}
	}
	return best, nil
}

// localNodes asks the nodes of this user on this machine what they are, the newest first. err tells of those that do not answer.
func localNodes(ctx context.Context) (all []node.Info, err error) {
	for _, socket := range node.Sockets() {
		info, failed := askSocket(ctx, socket)
		if failed == nil {
			all = append(all, info)
			continue
		}
		if _, gone := errors.AsType[*net.OpError](failed); !gone && slices.Contains(node.Sockets(), socket) { // else it has just ended, or begins
			err = errors.Join(err, fmt.Errorf("the node at %s does not answer: %w: if it hangs, end it with  mobula stop --force", socket, failed))
		}
	}
	return all, err
}

func askSocket(ctx context.Context, socket string) (info node.Info, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	c, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"unix:" + socket}, Build: version, Role: wire.RoleCLI})
	if err != nil {
		return info, err
	}
	defer c.Close()
	data, err := headwire.Ask(ctx, c, headwire.QueryNode, headwire.Query{What: "node"})
	if err == nil {
		err = json.Unmarshal(data, &info)
	}
	return info, err
}
