package interp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/nearest"
	"mobula/interp/clusterproc"
)

// OwnCluster is the name of a notebook's own cluster.
const OwnCluster = "own"

// headScheme begins the address of a head.
const headScheme = "mobula://"

// KnownCluster is a cluster that a notebook can use.
type KnownCluster struct {
	Name    string // for %cluster use
	Address string // of the socket of a node of this machine, or of a head
	Nodes   int    // 0: it does not run, or is elsewhere
	InUse   bool
}

func isHead(address string) bool { return strings.HasPrefix(address, headScheme) }

// usualCluster is the cluster that MOBULA_ADDRESS names, as it does in a job; "" for none.
func (s *Session) usualCluster() string {
	for _, v := range slices.Backward(s.Environ()) {
		if address, ok := strings.CutPrefix(v, wire.EnvAddress+"="); ok {
			return address
		}
	}
	return ""
}

// resolve replaces a name in Address by the address that it stands for, with the token that the user has noted for it, if none is given: a socket,
// a head, or "" for the notebook's own cluster.
func (to *ClusterTarget) resolve(ctx context.Context) error {
	text := to.Address
	switch {
	case text == "" || text == OwnCluster:
		to.Address = ""
		return nil
	case isHead(text) || strings.HasPrefix(text, "/"):
		return nil
	case strings.ContainsAny(text, "/:"):
		return fmt.Errorf("%q is no address of a cluster: give mobula://HOST:PORT of its head, the path of a node's socket (mobula status shows it), or a name (%%cluster use lists them)", text)
	}
	here := clustersHere(ctx)
	var names []string
	for _, k := range here {
		if k.Name == text {
			to.Address = k.Address
			return nil
		}
		names = append(names, k.Name)
	}
	elsewhere, err := notedClusters()
	if err != nil {
		return err
	}
	if c, ok := elsewhere[text]; ok {
		to.Address, to.Token = c.Address, cmp.Or(to.Token, c.Token)
		return nil
	}
	names = append(names, slices.Sorted(maps.Keys(elsewhere))...)
	hint := "none has a name here: start one with  mobula start --head --name " + text
	if book, err := clusterBook(); err == nil {
		hint += " , or note one that runs elsewhere in " + book
	}
	if len(names) > 0 {
		hint = "there are " + strings.Join(names, ", ")
		if near, ok := nearest.Name(text, names, 2); ok {
			hint = "did you mean " + near + "?"
		}
	}
	return fmt.Errorf("no cluster has the name %q: %s", text, hint)
}

// clustersHere are the clusters that a node of this machine belongs to, but for those of notebooks and programs. One without a name goes by that
// of its node.
func clustersHere(ctx context.Context) (list []KnownCluster) {
	for _, l := range node.Here() {
		if l.Embedded {
			continue
		}
		st, err := askCluster(ctx, l.Address)
		if err != nil {
			continue // it ends, or hangs
		}
		k := KnownCluster{Name: st.Name, Address: l.Address, Nodes: st.Nodes}
		if k.Name == "" {
			k.Name = l.Name
		}
		if !slices.ContainsFunc(list, func(other KnownCluster) bool { return other.Name == k.Name }) { // one node of a cluster is enough
			list = append(list, k)
		}
	}
	return list
}

// named is what the user has named for the cluster in use: the socket of a node, or a head; "" for the notebook's own.
func (c *clusters) named() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target
}

// KnownClusters are those that cells can use.
func (s *Session) KnownClusters(ctx context.Context) []KnownCluster {
	used, _ := s.clusters.current()
	target := s.clusters.named()
	own := KnownCluster{Name: OwnCluster}
	if c := s.clusters.running(); c != nil {
		own.Address, own.Nodes, own.InUse = c.Address(), c.Nodes(), used == c.Address()
	}
	list := []KnownCluster{own}
	found := used == "" || own.InUse
	for _, k := range clustersHere(ctx) {
		k.InUse = k.Address == used
		found = found || k.InUse
		list = append(list, k)
	}
	elsewhere, _ := notedClusters() // a book that cannot be read is told of where a name is looked for
	for _, name := range slices.Sorted(maps.Keys(elsewhere)) {
		k := KnownCluster{Name: name, Address: elsewhere[name].Address}
		k.InUse = used != "" && k.Address == target
		found = found || k.InUse
		list = append(list, k)
	}
	if !found {
		list = append(list, KnownCluster{Name: target, Address: used, Nodes: 1, InUse: true})
	}
	return list
}

// join starts the node by which this machine reaches a head.
func (c *clusters) join(ctx context.Context, to ClusterTarget, dir string, env []string) (*clusterproc.Cluster, error) {
	token := to.Token
	if token == "" {
		token = os.Getenv(clusterproc.EnvToken)
	}
	if token == "" {
		return nil, errors.New("to join a head this machine needs its join token: copy the file that  mobula start --head  names, and give it with  --token FILE  or in MOBULA_TOKEN")
	}
	if c.commands.Gateway == nil {
		return nil, errors.New("this kernel has no program to join a head with: connect through a node of this machine")
	}
	command, err := c.commands.Gateway(strings.TrimPrefix(to.Address, headScheme))
	if err != nil {
		return nil, err
	}
	gateway, err := clusterproc.Start(ctx, clusterproc.Config{Command: command, Dir: dir, Env: append(slices.Clone(env), clusterproc.EnvToken+"="+token)})
	if ended, ok := errors.AsType[*clusterproc.EndedError](err); ok { // it is no cluster that could not start
		err = ended
	}
	if err != nil {
		return nil, fmt.Errorf("reach %s by a node of this machine: %w", to.Address, err)
	}
	return gateway, nil
}
