package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
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
type clusterFlags struct{ address, token, format string }

func (c *clusterFlags) register(f *flag.FlagSet) {
	f.StringVar(&c.address, "address", os.Getenv(envAddress), "")
	f.StringVar(&c.token, "token", os.Getenv(envToken), "")
	f.StringVar(&c.format, "format", "table", "")
}

func (c *clusterFlags) check(command string) error {
	if c.format != "table" && c.format != "json" {
		return usageError{fmt.Sprintf("%s: --format %s is neither table nor json", command, c.format)}
	}
	return nil
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
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conf := headclient.Config{Build: version, Role: wire.RoleCLI}
	if c.address != "" && !strings.Contains(c.address, "/") || strings.HasPrefix(c.address, "mobula://") {
		var err error
		if conf.Token, err = readToken(c.token); err != nil {
			return nil, err
		}
		conf.Addresses, conf.Role = []string{withPort(c.address)}, headwire.RoleClient
		return headclient.Connect(ctx, conf)
	}
	if c.address != "" {
		conf.Addresses = []string{"unix:" + c.address}
		return headclient.Connect(ctx, conf)
	}
	nodes := localNodes(ctx)
	if len(nodes) == 0 {
		return nil, errors.New("no cluster runs on this machine: start one with  mobula start --head  or name one with --address HOST:PORT --token FILE")
	}
	best := nodes[0]
	for _, n := range nodes {
		if !n.Embedded && n.Head && (best.Embedded || !best.Head) {
			best = n
		}
	}
	conf.Addresses = []string{"unix:" + best.Address}
	return headclient.Connect(ctx, conf)
}

// localNodes asks the nodes of this user on this machine what they are, the newest first.
func localNodes(ctx context.Context) (all []node.Info) {
	for _, socket := range node.Sockets() {
		if info, err := askSocket(ctx, socket); err == nil { // it may have just ended
			all = append(all, info)
		}
	}
	return all
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

// queryTime bounds how long the cluster may take to answer.
const queryTime = 30 * time.Second

// fromNodes asks all nodes, or one, and decodes their answers.
func fromNodes[V any](ctx context.Context, c headwire.Caller, q headwire.Query) (answers []nodeAnswer[V], err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	raw, err := headwire.Ask(ctx, c, headwire.AskNodes, q)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, a := range raw {
		answer := nodeAnswer[V]{node: a.Name}
		switch {
		case a.Error != "":
			failed = cmp.Or(failed, fmt.Errorf("node %s: %s", a.Name, a.Error))
			continue
		case json.Unmarshal(a.Data, &answer.data) != nil:
			failed = cmp.Or(failed, fmt.Errorf("node %s answers what this mobula cannot read: use the same release everywhere", a.Name))
			continue
		}
		answers = append(answers, answer)
	}
	if len(answers) == 0 {
		return nil, failed // where some answer, theirs is shown
	}
	return answers, nil
}

type nodeAnswer[V any] struct {
	node string
	data V
}
