package node

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

// origin is where a program comes from that was registered on another node.
type origin struct {
	digest string  // under which it is registered there
	node   id.Node // zero: any that has it
	path   string  // there
	sum    string  // SHA-256 of the executable in hex; "" where only the other node knows it
}

// programs are the executables that this node has: its own files, and copies of those of other nodes.
type programs struct {
	dir string // of the copies

	copying sync.Mutex // one copy at a time; nothing is locked under it but mu
	mu      sync.Mutex // guards below
	sums    map[fileVersion]string
	files   map[string]string    // by sum
	used    map[string]time.Time // copies, and when they were last asked for
}

// fileVersion is a file as it is now, or close enough.
type fileVersion struct {
	path string
	size int64
	when time.Time
}

// Between two nodes: the asking one writes a programRequest, the other one a programOffer, each a line of JSON. Then the asking one closes the
// connection, or writes a line, after which the bytes come.
type (
	programRequest struct{ Digest, Sum string } // one of them
	programOffer   struct {
		Sum   string
		Size  int64
		Error string `json:",omitempty"`
	}
)

const protocolPrograms = "mobula-programs"

// maxProgramLine bounds a line of JSON in bytes.
const maxProgramLine = 4 << 10

func newPrograms(dir string) *programs {
	return &programs{dir: dir, sums: map[fileVersion]string{}, files: map[string]string{}, used: map[string]time.Time{}}
}

const (
	keptPrograms = 8           // copies; those that were not asked for the longest time go first
	programGrace = time.Minute // but none that a worker may be about to start
)

// use notes that a copy is wanted. Without one it does nothing.
func (p *programs) use(path string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.used[path]; ok {
		p.used[path] = at
	}
}

// keep adds a copy, and removes what is too much. A worker that runs goes on without the file of its program; who wants a copy that was removed gets
// another.
func (p *programs) keep(path string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[path] = at
	age := slices.SortedFunc(maps.Keys(p.used), func(a, b string) int { return p.used[b].Compare(p.used[a]) })
	for _, old := range age[min(keptPrograms, len(age)):] {
		if at.Sub(p.used[old]) < programGrace {
			continue
		}
		_ = os.Remove(old) // if it stays, the next copy of it takes its place
		delete(p.used, old)
		maps.DeleteFunc(p.files, func(_, path string) bool { return path == old })
		maps.DeleteFunc(p.sums, func(v fileVersion, _ string) bool { return v.path == old })
	}
}

// sum is the SHA-256 of a file. It is read once for each version of it.
func (p *programs) sum(path string) (string, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	v := fileVersion{path, info.Size(), info.ModTime()}
	p.mu.Lock()
	known := p.sums[v]
	p.mu.Unlock()
	if known != "" {
		return known, v.size, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", 0, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sums[v], p.files[sum] = sum, path
	return sum, v.size, nil
}

// have finds a file of that content.
func (p *programs) have(sum, path string) (found string, ok bool) {
	defer func() { p.use(found, time.Now()) }()
	if got, _, err := p.sum(path); err == nil && got == sum {
		return path, true
	}
	p.mu.Lock()
	known := p.files[sum]
	p.mu.Unlock()
	if known == "" {
		return "", false
	}
	got, _, err := p.sum(known) // it may have changed
	return known, err == nil && got == sum
}

// executable finds the file of a program that was registered elsewhere, and copies it from another node if it is not here.
func (n *Node) executable(ctx context.Context, o *origin) (string, error) {
	nodes := []id.Node{o.node}
	if o.node.IsZero() {
		all, err := headwire.Ask(ctx, n.link.client, headwire.ListNodes, headwire.None{})
		if err != nil {
			return "", fmt.Errorf("find a node that has the program: %w", err)
		}
		nodes = nil
		for _, x := range all {
			if x.State != sched.Dead.String() && x.ID != n.conf.ID && x.Address != "" {
				nodes = append(nodes, x.ID)
			}
		}
	}
	n.programFiles.copying.Lock()
	defer n.programFiles.copying.Unlock()
	if o.sum != "" {
		if path, ok := n.programFiles.have(o.sum, o.path); ok {
			return path, nil
		}
	}
	failed := errors.New("no other node is there")
	for _, node := range nodes {
		path, err := n.copyProgram(ctx, node, o)
		if err == nil {
			return path, nil
		}
		failed = fmt.Errorf("node %s: %w", node.Short(), err)
	}
	return "", fmt.Errorf("get the program %.12s: %w", o.digest, failed)
}

// copyProgram asks a node for a program, and takes its bytes where they are not here already.
func (n *Node) copyProgram(ctx context.Context, node id.Node, o *origin) (string, error) {
	stream, err := n.DialNode(ctx, node, protocolPrograms)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	request := programRequest{Sum: o.sum}
	if o.sum == "" {
		request.Digest = o.digest
	}
	if err := json.NewEncoder(stream).Encode(request); err != nil {
		return "", err
	}
	in := bufio.NewReaderSize(stream, maxProgramLine)
	offer, err := readLine[programOffer](in)
	if err != nil {
		return "", err
	}
	if offer.Error != "" {
		return "", errors.New(offer.Error)
	}
	if path, ok := n.programFiles.have(offer.Sum, o.path); ok {
		return path, nil
	}
	if _, err := stream.Write([]byte("send\n")); err != nil {
		return "", err
	}
	return n.programFiles.store(in, offer)
}

// store writes a copy, which gets its name once it is whole.
func (p *programs) store(from io.Reader, offer programOffer) (path string, err error) {
	path, err = filestore.Write(p.dir, filestore.Ref{Sum: offer.Sum, Size: offer.Size}, from, 0o700)
	if err != nil {
		return "", err
	}
	_, _, err = p.sum(path)
	p.keep(path, time.Now())
	return path, err
}

// serveProgram gives another node a program that is registered here, or that was copied here.
func (n *Node) serveProgram(stream net.Conn) {
	defer stream.Close()
	in := bufio.NewReaderSize(stream, maxProgramLine)
	_ = stream.SetReadDeadline(time.Now().Add(handshakeTime)) // else the read below waits
	request, err := readLine[programRequest](in)
	if err != nil {
		return
	}
	path, offer := n.offer(request)
	if err := json.NewEncoder(stream).Encode(offer); err != nil || offer.Error != "" {
		return
	}
	if _, err := in.ReadSlice('\n'); err != nil {
		return // it has the program
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	if _, err := io.Copy(stream, file); err != nil {
		n.logger.Warn("a program is not sent", "path", path, "error", err)
	}
}

func (n *Node) offer(r programRequest) (path string, o programOffer) {
	n.mu.Lock()
	if p := n.programs[r.Digest]; p != nil && p.origin == nil {
		path = p.path
	}
	n.mu.Unlock()
	ok := path != ""
	if r.Sum != "" {
		path, ok = n.programFiles.have(r.Sum, path)
	}
	if !ok {
		return "", programOffer{Error: "it does not have that program"}
	}
	sum, size, err := n.programFiles.sum(path)
	if err != nil {
		return "", programOffer{Error: err.Error()}
	}
	return path, programOffer{Sum: sum, Size: size}
}

// readLine reads a line of JSON, which fits into the reader's buffer.
func readLine[V any](in *bufio.Reader) (v V, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return v, fmt.Errorf("read what the other node says of a program: %w", err)
	}
	return v, json.Unmarshal(line, &v)
}
