package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"mobula/internal/id"
)

// maxLogPart bounds the bytes of one answer.
const maxLogPart = 1 << 20

// read returns a part of a worker's log from an offset on; below 0 it counts from the end. What is gone is left out.
func (s *logStore) read(worker id.Worker, offset int64) (LogPart, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(workerLog + worker.String())
	if f == nil {
		return LogPart{}, fmt.Errorf("there is no log of worker %s: it wrote nothing, or its log was dropped to make room", worker.Short())
	}
	part, err := f.part(offset)
	if err != nil {
		return LogPart{}, fmt.Errorf("read the log of worker %s: %w", worker.Short(), err)
	}
	return part, nil
}

var errNoLog = errors.New("there is no log of that name")

// await is read for any log, and waits for so many ms for more where there is none.
func (s *logStore) await(ctx context.Context, name string, offset, wait int64) (LogPart, error) {
	late := time.NewTimer(time.Duration(wait) * time.Millisecond)
	defer late.Stop()
	for {
		part, more, err := s.partOf(name, offset)
		if err != nil || len(part.Text) > 0 || part.Ended || wait <= 0 {
			return part, err
		}
		offset = part.Next
		select {
		case <-more:
		case <-late.C:
			return part, nil
		case <-ctx.Done():
			return part, context.Cause(ctx)
		}
	}
}

// partOf also returns what is closed when there is more.
func (s *logStore) partOf(name string, offset int64) (LogPart, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(name)
	if f == nil {
		return LogPart{}, nil, errNoLog
	}
	if f.more == nil {
		f.more = make(chan struct{})
	}
	part, err := f.part(offset)
	return part, f.more, err
}

// end returns at most the last bytes of a log, and the offset where they begin.
func (s *logStore) end(name string, most int64) (text []byte, start int64) {
	for offset := -most; ; {
		part, _, err := s.partOf(name, offset)
		if err != nil {
			return text, start
		}
		if len(text) == 0 {
			start = part.Next - int64(len(part.Text))
		}
		if len(part.Text) == 0 || int64(len(text)) >= most {
			return text, start
		}
		text = append(text, part.Text...)
		offset = part.Next
	}
}

func (s *logStore) find(name string) *logFile {
	i := slices.IndexFunc(s.files, func(f *logFile) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return s.files[i]
}

// part reads from an offset on; store.mu is held.
func (f *logFile) part(offset int64) (LogPart, error) {
	end := f.dropped + f.oldSize + f.size
	if offset < 0 {
		offset = max(0, offset+end)
	}
	offset = min(max(offset, f.dropped), end)
	part := LogPart{Text: []byte{}, Next: offset}
	for _, piece := range []struct {
		path       string
		from, size int64
	}{{f.path + oldSuffix, f.dropped, f.oldSize}, {f.path, f.dropped + f.oldSize, f.size}} {
		n := min(piece.from+piece.size-part.Next, int64(maxLogPart-len(part.Text)))
		if n <= 0 || part.Next < piece.from {
			continue
		}
		text, err := readAt(piece.path, part.Next-piece.from, n)
		if err != nil {
			return LogPart{}, err
		}
		part.Text = append(part.Text, text...)
		part.Next += int64(len(text))
	}
	part.Ended = f.closed && part.Next == end
	return part, nil
}

// tellMore wakes those who wait for more; store.mu is held.
func (f *logFile) tellMore() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

func readAt(path string, offset, n int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text := make([]byte, n)
	got, err := file.ReadAt(text, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text[:got], err
}
