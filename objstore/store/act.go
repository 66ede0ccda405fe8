package store

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"

	"mobula/objstore"
	"mobula/objstore/index"
	"mobula/objstore/memfile"
	"mobula/objstore/spill"
	"mobula/objstore/wire"
)

// act carries out the decisions of the index. s.mu must be held.
func (s *Store) act() {
	for decisions := s.index.Take(); len(decisions) > 0; decisions = s.index.Take() {
		for _, d := range decisions {
			s.actOn(d)
		}
	}
}

func (s *Store) actOn(d index.Decision) {
	switch d := d.(type) {
	case index.Grant:
		s.grant(d)
	case index.Deliver:
		s.deliver(d)
	case index.Fail:
		if p := s.clients[d.Client]; p != nil {
			s.send(p, &wire.Message{Kind: wire.Failed, Seq: d.Seq, Data: objstore.MarshalError(d.Err)})
		}
	case index.Unpin:
		if p := s.clients[d.Client]; p != nil {
			s.send(p, &wire.Message{Kind: wire.Unpin, ID: d.ID})
		}
	case index.NewSegment:
		s.memory.add(func() { s.newSegment(d) })
	case index.FreeSegment:
		s.freeSegment(d.ID)
	case index.Punch:
		s.punch(d)
	case index.Spill:
		s.spill(d)
	case index.Restore:
		s.restore(d)
	case index.DropSpilled:
		if tidy := s.disk.Delete(d.ID); tidy != nil {
			s.io.add(tidy)
		}
	case index.DropInline:
		delete(s.inline, d.ID)
	case index.Collect:
		s.collect()
	case index.Stuck:
		s.later(s.conf.FullGrace, func(x *index.Index) { x.GiveUp(d.Client, d.Seq, d.Object) })
	default:
		panic(fmt.Sprintf("the index decides a %T", d))
	}
}

func (s *Store) grant(d index.Grant) {
	p := s.clients[d.Client]
	if p == nil {
		return
	}
	m := &wire.Message{Kind: wire.Reply, Seq: d.Seq, Size: d.Bytes, Segment: uint64(d.Segment), Extent: d.Bytes}
	if d.Segment != 0 {
		s.attach(p, m, canWrite)
	}
	s.send(p, m)
}

func (s *Store) deliver(d index.Deliver) {
	p := s.clients[d.Client]
	if p == nil {
		return
	}
	m := &wire.Message{Kind: wire.Reply, Seq: d.Seq, ID: d.ID, Size: d.Place.Size, Offset: d.Place.Offset, Segment: uint64(d.Place.Segment)}
	if d.Place.Segment == 0 {
		m.Data = s.inline[d.ID]
	} else {
		m.Extent = s.files[d.Place.Segment].Size()
		s.attach(p, m, canRead)
	}
	s.send(p, m)
}

// attach adds a descriptor of the message's segment, if the client has none that can do so much.
func (s *Store) attach(p *peer, m *wire.Message, need access) {
	id := index.SegmentID(m.Segment)
	if p.known[id] >= need {
		return
	}
	fd, err := s.files[id].Dup(need == canWrite)
	if err != nil {
		// The client cannot go on without it.
		s.conf.Log.Error("a segment cannot be sent to a client", slog.Uint64("client", uint64(p.id)), slog.Any("err", err))
		p.conn.Close()
		return
	}
	p.known[id] = need
	m.FDs = []int{fd}
	if need == canWrite {
		m.Flags |= wire.Writable
	}
}

func (s *Store) newSegment(d index.NewSegment) {
	err := s.memoryLeft(d.Bytes)
	var f *memfile.File
	if err == nil {
		f, err = memfile.Create(d.Bytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.files[d.ID] = f
	}
	s.index.SegmentReady(d.ID, err)
	s.act()
}

// kept bounds the memory that is left to other programs: a twentieth of the machine's, or this.
const kept = 512 << 20

// memoryLeft fails where the machine cannot spare n bytes. The system would not refuse them, but kill processes.
func (s *Store) memoryLeft(n int64) error {
	m, err := s.conf.Memory()
	keep := min(m.Total/20, kept)
	if err == nil && n > m.Available-keep { // some systems do not tell
		return &objstore.OutOfMemoryError{Need: n, Available: m.Available, Kept: keep}
	}
	return nil
}

func (s *Store) freeSegment(id index.SegmentID) {
	f := s.files[id]
	delete(s.files, id)
	for _, p := range s.clients {
		if p.known[id] != 0 {
			delete(p.known, id)
			s.send(p, &wire.Message{Kind: wire.Gone, Segment: uint64(id)})
		}
	}
	s.memory.add(func() { _ = f.Close() }) // takes long: the system frees the pages
}

func (s *Store) punch(d index.Punch) {
	f := s.files[d.ID]
	ranges := make([]memfile.Range, len(d.Ranges))
	for i, r := range d.Ranges {
		ranges[i] = memfile.Range(r)
	}
	s.memory.add(func() {
		if err := f.Punch(ranges); err != nil {
			s.conf.Log.Error("memory cannot be given back", slog.Any("err", err)) // it goes with the segment
		}
		s.update(func(x *index.Index) { x.Punched(d.ID) })
	})
}

func (s *Store) spill(d index.Spill) {
	objects := make([]spill.Object, len(d.Objects))
	for i, o := range d.Objects {
		objects[i] = spill.Object{ID: o.ID, Size: o.Place.Size, Offset: o.Place.Offset}
		if o.Place.Segment == 0 {
			objects[i].From = bytes.NewReader(s.inline[o.ID])
		} else {
			objects[i].From = s.files[o.Place.Segment]
		}
	}
	s.io.add(func() {
		err := s.disk.Write(objects)
		if err != nil {
			s.conf.Log.Error("objects cannot be spilled", slog.Any("err", err))
		}
		s.update(func(x *index.Index) { x.Spilled(d.Batch, err) })
	})
}

func (s *Store) restore(d index.Restore) {
	if d.Place.Segment != 0 {
		to := io.NewOffsetWriter(s.files[d.Place.Segment], d.Place.Offset)
		s.io.add(func() {
			err := s.disk.Read(d.ID, to)
			s.update(func(x *index.Index) { x.Restored(d.ID, err) })
		})
		return
	}
	s.io.add(func() {
		var b bytes.Buffer
		err := s.disk.Read(d.ID, &b)
		s.update(func(x *index.Index) {
			if err == nil {
				s.inline[d.ID] = b.Bytes()
			}
			x.Restored(d.ID, err)
		})
	})
}

// collect asks all clients to drop what they do not use, and goes on when they have, or after a while.
func (s *Store) collect() {
	s.round++
	round := s.round
	clear(s.asked)
	for _, p := range s.clients {
		s.asked[p] = struct{}{}
		s.send(p, &wire.Message{Kind: wire.Collect})
	}
	if len(s.asked) == 0 {
		s.index.Collected()
		return
	}
	s.later(s.conf.CollectWait, func(x *index.Index) {
		if s.round == round {
			clear(s.asked)
			x.Collected()
		}
	})
}

// collected notes that a client has done so, or has gone.
func (s *Store) collected(p *peer) {
	if _, ok := s.asked[p]; !ok {
		return
	}
	delete(s.asked, p)
	if len(s.asked) == 0 {
		s.round++ // the timer has nothing to do
		s.index.Collected()
	}
}
