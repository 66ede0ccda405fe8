// Package doctor looks for what keeps a cluster from working on this machine, and says how to mend it: versions, ports, shared memory, sockets,
// limits, credentials, clocks.
//
// # Usage
//
//	findings := doctor.Examine(ctx, doctor.Config{Socket: "/run/user/1000/mobula-node-1/node.sock"})
//	fmt.Print(doctor.Text(findings))
//
// # Concurrency
//
// All functions may be called from any goroutine; none keeps anything. Examine takes at most its context's time and a few seconds.
//
// # Testing
//
// What is judged is tested on made-up facts, and Examine on a real head and node.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/sysmem"
)

// Config says what to look at.
type Config struct {
	Socket  string // of the node by which this machine uses a cluster; "": none
	Head    string // HOST:PORT of a head; "": none
	Token   string // the token for it, or its file, which is looked at; "": none
	Version string // of this mobula
	// Go returns the version of the Go toolchain; nil: nobody compiles here.
	Go func(ctx context.Context) (string, error)
}

// Grade is how bad a finding is.
type Grade int

// The grades, from good to bad.
const (
	Good Grade = iota
	Warning
	Problem
)

// String is the grade as a list shows it.
func (g Grade) String() string { return [...]string{"ok", "warning", "problem"}[g] }

// MarshalText writes the grade.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// Finding is what one check has found.
type Finding struct {
	Check string `json:"check"`
	Grade Grade  `json:"grade"`
	Found string `json:"found"`
	Mend  string `json:"mend,omitempty"` // what to do; "" where all is well
}

// Examine makes all checks that the configuration allows.
func Examine(ctx context.Context, c Config) (all []Finding) {
	memory, err := sysmem.System.Left()
	all = append(all, judgeMemory(memory, err), judgeShared(tryShared()), judgeFiles(openFiles()))
	dir := node.BaseDir()
	info, err := os.Stat(dir)
	all = append(all, judgeDir(dir, info, err))
	if c.Go != nil {
		version, err := c.Go(ctx)
		all = append(all, judgeGo(version, err))
	}
	if _, err := headwire.ParseToken(c.Token); c.Token != "" && err != nil { // it is a file
		info, err := os.Stat(c.Token)
		all = append(all, judgeToken(c.Token, info, err))
	}
	if c.Head != "" {
		all = append(all, judgePort(c.Head, dial(ctx, c.Head)))
	}
	if c.Socket != "" {
		all = append(all, examineCluster(ctx, c)...)
	}
	return all
}

// askTime bounds each question to the outside.
const askTime = 5 * time.Second

func dial(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: askTime}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// examineCluster asks the cluster of a node.
func examineCluster(ctx context.Context, c Config) (all []Finding) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"unix:" + c.Socket}, Role: wire.RoleCLI, Build: c.Version})
	if err != nil {
		return []Finding{judgeNode(c.Socket, err)}
	}
	defer client.Close()
	all = append(all, judgeNode(c.Socket, nil))
	began := time.Now()
	info, err := headwire.Ask(ctx, client, headwire.GetCluster, headwire.None{})
	all = append(all, judgeHead(err))
	if err != nil {
		return all
	}
	all = append(all, judgeVersions(c.Version, info.Version), judgeClock(time.UnixMilli(info.Now), began, time.Now()))
	nodes, err := headwire.Ask(ctx, client, headwire.ListNodes, headwire.None{})
	if err != nil {
		return append(all, judgeHead(err))
	}
	all = append(all, judgeNodes(nodes), judgeDemand(info.Demand))
	for _, n := range nodes {
		if n.Address != "" && n.State == "alive" {
			all = append(all, judgePort(n.Address, dial(ctx, n.Address)))
		}
	}
	return all
}

// Text shows findings, the worst first.
func Text(all []Finding) string {
	var b strings.Builder
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(x, y Finding) int { return cmp.Compare(y.Grade, x.Grade) })
	bad := 0
	for _, f := range sorted {
		fmt.Fprintf(&b, "%-8s %-14s %s\n", f.Grade, f.Check, f.Found)
		if f.Grade != Good {
			bad++
			fmt.Fprintf(&b, "%-23s -> %s\n", "", f.Mend)
		}
	}
	if bad == 0 {
		b.WriteString("All is well.\n")
	}
	return b.String()
}
