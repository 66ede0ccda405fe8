package yaegi

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"regexp"
	"runtime/pprof"
	"strconv"
	"sync"

	"mobula/interp/hostrpc"
)

// output is the standard output and error of cells: two pipes, whose other ends are
// forwarded to the kernel.
type output struct {
	h              *host
	stdout, stderr *os.File // what cells write to
	mark           []byte   // written by flush; no cell can guess it
	marks          chan struct{}
	readers        sync.WaitGroup

	flushing sync.Mutex
	mu       sync.Mutex // guards frames
	frames   []hostrpc.Frame
}

func newOutput(h *host) (*output, error) {
	o := &output{h: h, mark: []byte("\x00" + rand.Text()), marks: make(chan struct{}, 2)}
	var from [2]*os.File
	for i, to := range []**os.File{&o.stdout, &o.stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		from[i], *to = r, w
	}
	// What compiled packages write goes the same way; the runtime's own last words go to
	// the process's standard error, which the kernel reads.
	os.Stdout, os.Stderr = o.stdout, o.stderr
	for i, name := range []string{"stdout", "stderr"} {
		o.readers.Go(func() { o.forward(from[i], name) })
	}
	return o, nil
}

func (o *output) close() {
	_ = errors.Join(o.stdout.Close(), o.stderr.Close()) // nothing is left to lose
	o.readers.Wait()
}

// flush returns when all that was written before was sent.
func (o *output) flush() {
	o.flushing.Lock()
	defer o.flushing.Unlock()
	for _, w := range []*os.File{o.stdout, o.stderr} {
		if _, err := w.Write(o.mark); err != nil {
			return // a cell closed it
		}
		<-o.marks
	}
}

// forward sends what arrives at r, without marks.
func (o *output) forward(r *os.File, name string) {
	var held []byte // may begin a mark
	b := make([]byte, 64<<10)
	for {
		n, err := r.Read(b)
		held = append(held, b[:n]...)
		for {
			i := bytes.Index(held, o.mark)
			if i < 0 {
				break
			}
			o.show(held[:i], name)
			held = append([]byte(nil), held[i+len(o.mark):]...)
			o.marks <- struct{}{}
		}
		keep := len(held)
		if i := bytes.LastIndexByte(held, 0); i >= 0 && bytes.HasPrefix(o.mark, held[i:]) {
			keep = i
		}
		o.show(held[:keep], name)
		held = append([]byte(nil), held[keep:]...)
		if err != nil {
			o.show(held, name)
			_ = r.Close()
			return
		}
	}
}

// frameLine is how yaegi tells the way of a panic, innermost call first.
var frameLine = regexp.MustCompile(`(?m)^(?:(cell\[\d+\])/_\.go:(\d+):(\d+)|\S*): panic: (.*)\n`)

func (o *output) show(text []byte, name string) {
	if name == "stderr" {
		text = frameLine.ReplaceAllFunc(text, o.frame)
	}
	if len(text) > 0 {
		o.h.send(&hostrpc.Event{Output: &hostrpc.Output{Cell: int(o.h.cell.Load()), Stream: name, Text: bytes.Clone(text)}})
	}
}

func (o *output) frame(line []byte) []byte {
	m := frameLine.FindSubmatch(line)
	if len(m[1]) > 0 {
		n, _ := strconv.Atoi(string(m[2])) // digits, by the expression
		o.mu.Lock()
		o.frames = append(o.frames, hostrpc.Frame{Func: string(m[4]), File: string(m[1]), Line: n, User: true})
		o.mu.Unlock()
	}
	return nil
}

func (o *output) takeFrames() []hostrpc.Frame {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.frames
	o.frames = nil
	return f
}

// goroutineWith reports whether a goroutine has the label.
func goroutineWith(label []byte) bool {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return true
	}
	return bytes.Contains(b.Bytes(), label)
}
