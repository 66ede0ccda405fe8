package node

import (
	"bytes"
	"slices"
	"sync"

	"mobula/internal/crash"
)

const (
	lineLimit  = 64 << 10  // a longer line is passed on in parts
	reportKeep = 256 << 10 // bytes of a crash report that are kept
	tailKeep   = 4 << 10   // bytes of the end of stderr that are kept
	headShow   = 8 << 10   // bytes of the start of a crash report that clients get
)

// rawOutput takes one stream of a worker process: what C code, children and the runtime itself write to the file descriptor. Whole lines
// go on as they come. A crash report is held back: it goes to those whom it concerns, with the end of the worker.
type rawOutput struct {
	stream string
	log    *logFile
	pass   func(stream, text string)

	mu     sync.Mutex // guards below
	line   []byte     // without its end
	report []byte     // a crash report, or what looks like one
	tail   []byte
}

// Write takes output. It never fails: a worker does not stop because its log does.
func (o *rawOutput) Write(b []byte) (int, error) {
	_, _ = o.log.Write(b) // a full disk costs the log
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream == streamError {
		o.tail = append(o.tail, b...)
		o.tail = slices.Delete(o.tail, 0, max(0, len(o.tail)-tailKeep))
	}
	if o.report != nil {
		o.hold(b)
		return len(b), nil
	}
	o.line = append(o.line, b...)
	whole := bytes.LastIndexByte(o.line, '\n') + 1
	if whole == 0 && len(o.line) >= lineLimit {
		whole = len(o.line)
	}
	if o.stream == streamError {
		if at := reportStart(o.line[:whole]); at >= 0 {
			report := o.line[at:]
			o.emit(o.line[:at])
			o.report, o.line = []byte{}, nil
			o.hold(report)
			return len(b), nil
		}
	}
	o.emit(o.line[:whole])
	o.line = slices.Delete(o.line, 0, whole)
	return len(b), nil
}

// reportStart is where a crash report begins, or -1.
func reportStart(text []byte) int {
	at := 0
	for line := range bytes.Lines(text) {
		if crash.Begins(line) {
			return at
		}
		at += len(line)
	}
	return -1
}

func (o *rawOutput) hold(b []byte) {
	o.report = append(o.report, b[:min(len(b), reportKeep-len(o.report))]...)
}

func (o *rawOutput) emit(b []byte) {
	if len(b) > 0 {
		o.pass(o.stream, string(b))
	}
}

// finish passes on what is left when the process has ended. It returns the crash report, if the process crashed, and the
// end of the output.
func (o *rawOutput) finish(crashed bool) (report, tail []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.emit(o.line)
	o.line = nil
	if o.report != nil && !crashed {
		o.emit(o.report)
		o.report = nil
	}
	return o.report, o.tail
}
