package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

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

// clusterFlags say which cluster a command is about.
type clusterFlags struct{ command, address, token, format string }

func (c *clusterFlags) register(f *flag.FlagSet) {
	c.command = f.Name()
	f.StringVar(&c.address, "address", os.Getenv(envAddress), "")
	f.StringVar(&c.token, "token", os.Getenv(envToken), "")
	f.StringVar(&c.format, "format", "table", "")
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
		return nil, usageError{fmt.Sprintf("--token is neither a token nor a file that can be read: %v", unread)}
	}
	if token, err = headwire.ParseToken(string(data)); err != nil {
		return nil, usageError{fmt.Sprintf("--token %s: %v", text, err)}
	}
	return &token, nil
}

// connect finds the cluster: the one that is named, or that of a node of this machine.
func (c *clusterFlags) connect(ctx context.Context) (*headclient.Client, error) {
	if c.format != "table" && c.format != "json" {
		return nil, usageError{fmt.Sprintf("%s: --format %s is neither table nor json", c.command, c.format)}
	}
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
		conf.Addresses, conf.Role = []string{withPort(c.address)}, headwire.RoleClient
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
		return nil, usageError{fmt.Sprintf("%s: --address HOST:PORT goes with --token: %s", c.command, where)}
	case token.Kind != headwire.UserToken:
		return nil, usageError{fmt.Sprintf("%s: this is a %s token: --token wants %s", c.command, token.Kind, where)}
	}
	return token, nil
}

const headAdvice = "does a head run there? Its address is in the output of  mobula start --head"

// explainDial adds what to do where nobody answers.
func explainDial(err error, advice string) error {
	if _, ok := errors.AsType[*net.OpError](err); ok {
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
