package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"mobula"
)

func transferTests(name string) []test {
	return []test{{do: "transfer", n: 1, rounds: 5, figures: []figure{
		higher(name+", the first", "GB/s").by("first"),
		higher(name+", later", "GB/s").by("later").within(ownLimit + "stream").
			but("from the submission of a task on another node, which reads a part of an object of the driver's node, until its result; limit: TCP between two processes into used memory"),
	}}}
}

// The task that is measured reads a byte of each of 16,000 places; another one, afterwards, reads of each page.
const (
	coarse = 65_521
	fine   = 1009
)

// byteAt is what is at byte i of a transferred object.
func byteAt(i, seed int) byte {
	within := i % mib
	return byte((within>>12 ^ within) + i/mib + seed)
}

func fillBytes(b []byte, seed int) {
	for i := range b {
		b[i] = byteAt(i, seed)
	}
}

// sampleSum sums bytes that are step apart, with weights.
func sampleSum(b []byte, step, seed int) (sum int) {
	for i, k := seed%1000, 0; i < len(b); i, k = i+step, k+1 {
		sum += int(b[i]) * (k%251 + 1)
	}
	return sum
}

// transferrer has tasks on another node read what is put on the driver's.
type transferrer struct {
	other mobula.NodeID
	data  []byte
	ref   mobula.Ref[[]byte]
	done  int
}

func (t *transferrer) transfer(ctx context.Context, q request) (reply, error) {
	t.ref = mobula.Ref[[]byte]{} // the one before
	runtime.GC()
	fillBytes(t.data, q.Seed)
	m := newMakers(os.Getpid())
	warm, err := mobula.Go(func() stamp { return stamp{answer(q.Seed), os.Getpid()} }, mobula.OnNode(t.other)).Get(ctx)
	if err == nil {
		err = m.check(warm, answer(q.Seed))
	}
	if err != nil {
		return reply{}, err
	}
	t.ref = mobula.Put(t.data)
	us, err := timed(func() error { return t.read(ctx, m, coarse, q.Seed) })
	if err == nil {
		err = t.read(ctx, m, fine, q.Seed)
	}
	if err != nil {
		return reply{}, err
	}
	key := "later"
	if t.done++; t.done == 1 {
		key = "first"
	}
	return sampled(key, m, 1, float64(len(t.data))/1e3/us), nil // bytes by microseconds and thousand are GB/s
}

// read has a task on the other node read the object, and checks what it has read.
func (t *transferrer) read(ctx context.Context, m *makers, step, seed int) error {
	ref := t.ref
	s, err := mobula.Go(func() stamp { return stamp{sampleSum(ref.Value(), step, seed), os.Getpid()} }, mobula.OnNode(t.other)).Get(ctx)
	if err != nil {
		return err
	}
	return m.check(s, sampleSum(t.data, step, seed))
}

// serveNodes is Mobula's side of the transfer: a driver at the first of two nodes that the command mobula has started.
// Apart, neither finds the other on this machine.
func serveNodes(ctx context.Context, in io.Reader, out io.Writer, program string, apart bool) (err error) {
	dir, err := os.MkdirTemp("", "nodes")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	nodes, err := startNodes(program, dir, apart)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nodes.close()) }()
	if err := mobula.Connect(ctx, mobula.Config{Address: nodes.socket}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mobula.Close()) }()
	t := &transferrer{data: make([]byte, gib)}
	if t.other, err = otherNode(ctx); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	raw := &limits{self: self, dir: dir}
	return answerAll(in, out, func(q request) (reply, error) {
		r, err := t.transfer(ctx, q)
		if err != nil {
			return reply{}, err
		}
		limit, err := raw.stream()
		r.Samples[ownLimit+"stream"] = []float64{limit}
		return r, err
	})
}

// otherNode is the node that the driver is not connected to.
func otherNode(ctx context.Context) (id mobula.NodeID, err error) {
	list, err := mobula.Nodes(ctx)
	if err != nil {
		return id, err
	}
	for _, n := range list {
		if n.Name == secondNode {
			return n.ID, nil
		}
	}
	return id, fmt.Errorf("none of %d nodes is called %s", len(list), secondNode)
}
