package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/internal/bytesize"
	"mobula/internal/filepack"
	"mobula/internal/filestore"
)

// getReady makes the working directory of an attempt.
func (n *Node) getReady(r *run) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	n.running.Go(func() { // ends with this call
		select {
		case <-r.stop:
			cancel()
		case <-done:
		}
	})
	err := errors.Join(os.RemoveAll(r.dir), os.MkdirAll(r.dir, 0o700))
	if err == nil && r.spec.Files != nil {
		err = n.unpackFiles(ctx, r)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("it had not begun")
	case err != nil:
		return fmt.Errorf("make its working directory: %w", err)
	}
	return nil
}

func (n *Node) unpackFiles(ctx context.Context, r *run) error {
	name, err := n.archive(ctx, *r.spec.Files)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return filepack.Unpack(r.dir, f, filepack.Limit)
}

// archive finds the working files of a job among the copies that the node keeps, or gets them from the head.
func (n *Node) archive(ctx context.Context, ref filestore.Ref) (string, error) {
	n.programFiles.copying.Lock()
	defer n.programFiles.copying.Unlock()
	if name, ok := n.programFiles.have(ref.Sum, ""); ok {
		return name, nil
	}
	out, in := io.Pipe()
	defer out.Close()
	n.running.Go(func() { in.CloseWithError(headclient.FetchFile(ctx, n.link.client, ref, in)) }) // ends with the pipe
	return n.programFiles.store(out, programOffer{Sum: ref.Sum, Size: ref.Size})
}

const (
	keptLog     = 4 << 20   // of the end of what an attempt wrote, the head keeps so many bytes
	keptOutputs = 256 << 20 // and so many of its files
	tailLines   = 10        // of a failed attempt's log are a part of its message
	tailBytes   = 2 << 10
)

func runLog(life headwire.JobLife) string {
	return "job-" + life.ID + "-" + strconv.Itoa(life.Attempt)
}

// keepOf gives the head what an attempt has left: the end of its log, from an offset on, and the files that it was asked to keep.
func (n *Node) keepOf(r *run, over *headwire.JobOver, text []byte, start int64) {
	if over.ExitCode == nil || *over.ExitCode != 0 {
		over.Message = strings.TrimSpace(over.Message + "\n" + lastLines(text))
	}
	if len(text) > 0 {
		ref := filestore.RefOf(text)
		if err := headclient.SendFile(r.ctx, n.link.client, ref, bytes.NewReader(text)); err != nil {
			n.logger.Warn("the log of a job is not kept", "job", r.spec.ID, "error", err)
		} else {
			over.Log, over.LogStart = &ref, start
		}
	}
	outputs, err := n.keepOutputs(r)
	over.Outputs = outputs
	if err != nil {
		over.Message += "; what it was to leave is not kept: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
}

// lastLines is the end of a log, for a message.
func lastLines(text []byte) string {
	text = bytes.TrimRight(text[max(0, len(text)-tailBytes):], "\n")
	lines := bytes.Split(text, []byte("\n"))
	return string(bytes.ToValidUTF8(bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n")), []byte("?")))
}

// keepOutputs sends the head the files that are to be kept. Those that could be sent are in its answer also where it fails.
func (n *Node) keepOutputs(r *run) (kept []headwire.JobFile, failed error) {
	if len(r.spec.Outputs) == 0 {
		return nil, nil
	}
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	left := int64(keptOutputs)
	for _, pattern := range r.spec.Outputs {
		names, err := fs.Glob(root.FS(), path.Clean(pattern))
		if err == nil && len(names) == 0 {
			err = errors.New("there is no such file")
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", pattern, err))
		}
		for _, name := range names {
			f, err := n.keepOutput(r.ctx, root, name, left)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
				continue
			}
			left -= f.Size
			kept = append(kept, f)
		}
	}
	return kept, failed
}

func (n *Node) keepOutput(ctx context.Context, root *os.Root, name string, left int64) (out headwire.JobFile, err error) {
	f, err := root.Open(name)
	if err != nil {
		return out, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return out, err
	case !info.Mode().IsRegular():
		return out, errors.New("it is no file")
	case info.Size() > left:
		return out, fmt.Errorf("it has %s, and of a job's files at most %s are kept: write them where they can stay", bytesize.Format(info.Size()), bytesize.Format(keptOutputs))
	}
	sum := filestore.NewSum()
	if _, err := io.Copy(sum, f); err != nil {
		return out, err
	}
	out = headwire.JobFile{Name: name, Ref: sum.Ref()}
	return out, headclient.SendFile(ctx, n.link.client, out.Ref, f)
}

// readRunLog reads what an attempt writes here, and waits for more where there is none.
func (n *Node) readRunLog(ctx context.Context, in headwire.JobLogRange) (headwire.JobLogPart, error) {
	name := runLog(headwire.JobLife{ID: in.ID, Attempt: in.Attempt})
	part, err := n.logs.await(ctx, name, in.Offset, in.Wait)
	if err != nil {
		return headwire.JobLogPart{}, headwire.Errorf(headwire.NotFound, "node %s has no log of attempt %d of job %s", n.conf.Name, in.Attempt, in.ID)
	}
	return headwire.JobLogPart{Attempt: in.Attempt, Text: part.Text, Next: part.Next, Ended: part.Ended}, nil
}
