package head

import (
	"context"
	"encoding/json"
	"iter"
	"net"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/cluster/statelog"
	"mobula/internal/filestore"
	"mobula/internal/frame"
)

// protocolFiles is for heads that give each other files of jobs, whichever leads.
const protocolFiles = "mobula-files"

// copyTime bounds how long a file may take to another head.
const copyTime = 5 * time.Minute

// fileMethods are what a head answers others on such a connection.
func (h *Head) fileMethods() map[string]method {
	t := map[string]method{headwire.PingMethod: h.methods[headwire.PingMethod]}
	on(t, headwire.HaveFile, mayAll, h.files.have)
	on(t, headwire.PutFile, mayAll, h.files.put)
	on(t, headwire.ReadFile, mayAll, h.files.read)
	return t
}

// serveFiles is a connection of another head that gives or takes files.
func (h *Head) serveFiles(stream net.Conn) {
	ctx, cancel := context.WithTimeout(h.life, handshakeTime)
	defer cancel()
	conn := frame.New(stream)
	defer context.AfterFunc(h.life, conn.Abort)()
	defer conn.Abort()
	if _, _, err := conn.Handshake(ctx, h.ownHello()); err != nil {
		return
	}
	h.files.tidy(time.Now())
	s, methods := &session{h: h, conn: conn, rights: mayAll}, h.fileMethods()
	_ = headwire.NewPeer(h.life, conn, func(ctx context.Context, name string, body json.RawMessage) (any, error) {
		return s.dispatch(ctx, methods, name, body)
	}, nil).Serve() // its end is that of the connection
}

// toFiles connects to the files of another head.
func (h *Head) toFiles(ctx context.Context, m statelog.Member) (*headclient.Client, error) {
	return headclient.Connect(ctx, headclient.Config{Build: h.conf.Version, Logger: h.logger, Dial: func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		defer cancel()
		return h.network.dial(ctx, m.Address, protocolFiles)
	}})
}

// otherHeads are the members but this one.
func (h *Head) otherHeads() (others []statelog.Member, err error) {
	members, err := h.log.Members()
	for _, m := range members {
		if !m.Self {
			others = append(others, m)
		}
	}
	return others, err
}

// spread gives a file to the other heads. It returns when most heads have it: one of these has it whichever two of three are left.
func (h *Head) spread(ctx context.Context, ref filestore.Ref) error {
	others, err := h.otherHeads()
	if err != nil || len(others) == 0 {
		return err
	}
	told := make(chan error, len(others))
	for _, m := range others {
		h.wg.Go(func() { told <- h.give(m, ref) }) // also after most have it
	}
	for have, failed := 1, 0; 2*have <= len(others)+1; {
		select {
		case err := <-told:
			if err == nil {
				have++
				continue
			}
			h.logger.Warn("another head has no copy of a file", "error", err)
			if failed++; 2*(len(others)+1-failed) <= len(others)+1 {
				return headwire.Errorf(headwire.Unavailable, "most heads must have a copy of a job's files: %v", err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// give gives a file to another head.
func (h *Head) give(m statelog.Member, ref filestore.Ref) error {
	ctx, cancel := context.WithTimeout(h.ctx, copyTime)
	defer cancel()
	c, err := h.toFiles(ctx, m)
	if err != nil {
		return err
	}
	defer c.Close()
	return headclient.SendFile(ctx, c, ref, fileReader{&h.files, ref.Sum})
}

// fileReader reads a file that a head keeps.
type fileReader struct {
	files *fileKeeper
	sum   string
}

// ReadAt reads a part.
func (r fileReader) ReadAt(b []byte, offset int64) (int, error) {
	store, err := r.files.open()
	if err != nil {
		return 0, err
	}
	data, err := store.ReadAt(r.sum, offset, int64(len(b)))
	return copy(b, data), err
}

// fetch gets a file from the other heads that this one has missed.
func (h *Head) fetch(ctx context.Context, ref filestore.Ref) error {
	others, err := h.otherHeads()
	if err != nil {
		return err
	}
	err = filestore.ErrMissing
	for _, m := range others {
		if err = h.fetchFrom(ctx, m, ref); err == nil {
			return nil
		}
		h.logger.Debug("a head does not give a file", "head", m.Address, "error", err)
	}
	return err
}

func (h *Head) fetchFrom(ctx context.Context, m statelog.Member, ref filestore.Ref) error {
	c, err := h.toFiles(ctx, m)
	if err != nil {
		return err
	}
	defer c.Close()
	store, err := h.files.open()
	if err != nil {
		return err
	}
	for have := store.Have(ref); have < ref.Size; {
		part, err := headwire.Ask(ctx, c, headwire.ReadFile, headwire.FileRange{Sum: ref.Sum, Offset: have})
		if err != nil {
			return err
		}
		before := have
		if have, err = store.PutPart(ref, have, part.Data); err != nil {
			return err
		}
		if have <= before {
			return filestore.ErrDamaged
		}
	}
	return nil
}

// refTo finds a file that a job refers to.
func refTo(view *state.View, sum string) (filestore.Ref, bool) {
	for s := range view.Submissions() {
		for f := range filesOf(s) {
			if f.Sum == sum {
				return filestore.Ref{Sum: f.Sum, Size: f.Size}, true
			}
		}
	}
	return filestore.Ref{}, false
}

// filesOf are all files that a job refers to.
func filesOf(s *state.Submission) iter.Seq[state.File] {
	return func(yield func(state.File) bool) {
		if s.Files != nil && !yield(*s.Files) {
			return
		}
		for _, f := range s.Kept {
			if !yield(f) {
				return
			}
		}
		for _, a := range s.Attempts {
			if a.Log != nil && !yield(*a.Log) {
				return
			}
		}
	}
}
