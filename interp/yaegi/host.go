package yaegi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/traefik/yaegi/interp"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/interp/hostrpc"
)

// cellLabel marks the goroutines of a cell.
const cellLabel = "mobula-cell"

// Main is the child process: it serves the kernel that started it until that goes away.
func Main(ctx context.Context) error {
	c, err := kernelSide()
	if err != nil {
		return fmt.Errorf("this process is started by `mobula kernel`: %w", err)
	}
	return Serve(ctx, hostrpc.New[hostrpc.Event, hostrpc.Request](c))
}

// host interprets cells.
type host struct {
	conn   *hostrpc.HostConn
	interp *interp.Interpreter
	cell   atomic.Int64 // that runs, or ran last
	output *output
	stop   func()

	mu     sync.Mutex // guards the rest
	cancel context.CancelFunc
	asks   map[uint64]chan hostrpc.InputReply
	token  uint64
}

// Serve interprets what comes over conn until it ends, which is no error.
func Serve(ctx context.Context, conn *hostrpc.HostConn) error {
	h := &host{conn: conn, asks: map[uint64]chan hostrpc.InputReply{}}
	ctx, h.stop = context.WithCancel(ctx)
	defer h.stop()
	var err error
	if h.output, err = newOutput(h); err != nil {
		return err
	}
	defer h.output.close()
	cellio.Install(port{h})
	if err := h.newInterpreter(); err != nil {
		return err
	}
	requests := make(chan *hostrpc.Request, 64)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(requests)
	workers.Go(func() {
		for r := range requests {
			h.handle(ctx, r)
		}
	})
	if err := conn.Send(&hostrpc.Event{Hello: &hostrpc.Hello{PID: os.Getpid()}}); err != nil {
		return err
	}
	for {
		r, err := conn.Receive()
		if err != nil {
			h.interrupt()
			return nil
		}
		switch {
		case r.Interrupt != nil:
			h.interrupt()
		case r.InputReply != nil:
			h.answer(*r.InputReply)
		default:
			requests <- r
		}
	}
}

func (h *host) newInterpreter() error {
	h.interp = interp.New(interp.Options{
		Stdin: lineReader{h, new([]byte)}, Stdout: h.output.stdout, Stderr: h.output.stderr, Unrestricted: true,
	})
	own := interp.Exports{
		"os/os": {"Exit": reflect.ValueOf(h.exit)},
		helpersPath + "/" + helpersName: {
			"Show":     reflect.ValueOf(func(v ...any) { h.show("", v) }),
			"Evaluate": reflect.ValueOf(func(v ...any) { h.show(evaluateID, v) }),
		},
	}
	for _, set := range []interp.Exports{symbols(), own} {
		if err := h.interp.Use(set); err != nil {
			return fmt.Errorf("interpreter: %w", err)
		}
	}
	if _, err := h.interp.Eval(fmt.Sprintf("import %s %q", helpersName, helpersPath)); err != nil {
		return fmt.Errorf("interpreter: %w", err)
	}
	return nil
}

// evaluateID marks the answer of Evaluate.
const evaluateID = "mobula-evaluate"

func (h *host) show(id string, values []any) {
	for _, v := range values {
		h.send(&hostrpc.Event{Display: &hostrpc.Display{Cell: int(h.cell.Load()), Display: cellio.Display{Data: display.Of(v), Result: true, ID: id}}})
	}
}

// send sends an event. Where the kernel is gone, Serve's Receive fails too and ends the process.
func (h *host) send(e *hostrpc.Event) { _ = h.conn.Send(e) }

func (h *host) exit(code int) {
	h.output.flush()
	h.send(&hostrpc.Event{Exiting: &hostrpc.Exiting{Cell: int(h.cell.Load()), Code: code, Reason: fmt.Sprintf("os.Exit(%d)", code)}})
	os.Exit(code)
}

// handle does one request and replies, but for an interrupted cell that does not end: the
// kernel ends this process then.
func (h *host) handle(ctx context.Context, r *hostrpc.Request) {
	reply := &hostrpc.Reply{ID: r.ID}
	start := time.Now()
	switch {
	case r.Source != nil:
		if !h.eval(ctx, r.Source, reply) {
			return
		}
	case r.Values != nil:
		h.values(r.Values, reply)
	case r.SetEnv != nil:
		if err := setEnv(r.SetEnv); err != nil {
			reply.Fault = &hostrpc.Fault{Name: "error", Message: err.Error()}
		}
	default:
		reply.Fault = &hostrpc.Fault{Name: "error", Message: "the interpreting host only takes source"}
	}
	h.output.flush()
	reply.Elapsed = int64(time.Since(start))
	h.send(&hostrpc.Event{Reply: reply})
}

func setEnv(e *hostrpc.SetEnv) error {
	var errs []error
	for k, v := range e.Set {
		errs = append(errs, os.Setenv(k, v))
	}
	for _, k := range e.Unset {
		errs = append(errs, os.Unsetenv(k))
	}
	if e.Dir != "" {
		errs = append(errs, os.Chdir(e.Dir))
	}
	return errors.Join(errs...)
}

// values prints session variables.
func (h *host) values(v *hostrpc.Values, reply *hostrpc.Reply) {
	globals := maps.Clone(h.interp.Globals())
	for _, name := range v.Names {
		g, ok := globals[name]
		if !ok || !g.IsValid() || !g.CanInterface() {
			continue
		}
		text := display.Sprint(g.Interface())
		if len(text) > v.Limit && v.Limit > 0 {
			text = strings.ToValidUTF8(text[:v.Limit], "") + "…"
		}
		reply.Values = append(reply.Values, hostrpc.Value{Name: name, Type: g.Type().String(), Text: text})
	}
}

// eval interprets one piece of a cell; false means that it was interrupted and goes on.
func (h *host) eval(ctx context.Context, s *hostrpc.Source, reply *hostrpc.Reply) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	h.cancel = cancel
	h.mu.Unlock()
	h.cell.Store(int64(s.Cell))
	h.output.takeFrames()
	var err error
	pprof.Do(ctx, pprof.Labels(cellLabel, strconv.Itoa(s.Cell)), func(ctx context.Context) {
		_, err = h.interp.EvalWithContext(ctx, s.Text)
	})
	if ctx.Err() != nil {
		reply.Interrupted = true
		return h.ended(s.Cell)
	}
	if err != nil {
		h.output.flush()
		reply.Fault = fault(s.Cell, err, h.output.takeFrames())
	}
	return true
}

// fault describes what went wrong in a cell.
func fault(cell int, err error, frames []hostrpc.Frame) *hostrpc.Fault {
	f := &hostrpc.Fault{Cell: cell, Name: "interpreter error", Message: strings.ReplaceAll(err.Error(), pieceFile+":", ":"), Frames: frames}
	if p, ok := errors.AsType[interp.Panic](err); ok {
		f.Name, f.Message = "panic", strings.ReplaceAll(panicText(p.Value), pieceFile+":", ":")
		if strings.Contains(f.Message, ": CFG ") { // yaegi's own, on code that it does not know
			f.Name = "interpreter error"
		} else if strings.HasPrefix(f.Message, "runtime error: ") || strings.HasPrefix(f.Message, "reflect: ") {
			f.Name = "runtime error"
		}
	}
	return f
}

func panicText(v any) string {
	if r, ok := v.(reflect.Value); ok && r.IsValid() && r.CanInterface() {
		v = r.Interface()
	}
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// grace is how long an interrupted cell may take to end; the kernel waits a little longer.
const grace = 250 * time.Millisecond

// ended waits until no goroutine of the cell is left. The runtime tells no one when a
// goroutine ends, hence the polling.
func (h *host) ended(cell int) bool {
	label := fmt.Appendf(nil, "%q:%q", cellLabel, strconv.Itoa(cell))
	deadline := time.Now().Add(grace)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if !goroutineWith(label) {
			tick.Stop()
			return true
		}
		if !(<-tick.C).Before(deadline) {
			tick.Stop()
			return false
		}
	}
}

func (h *host) interrupt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancel != nil {
		h.cancel()
	}
	for token, ch := range h.asks {
		ch <- hostrpc.InputReply{Token: token, Err: "interrupted"}
		delete(h.asks, token)
	}
}

func (h *host) answer(r hostrpc.InputReply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.asks[r.Token]; ch != nil {
		ch <- r
		delete(h.asks, r.Token)
	}
}

// port shows what cells show.
type port struct{ h *host }

// Display shows d under the cell that runs.
func (p port) Display(d cellio.Display) error {
	return p.h.conn.Send(&hostrpc.Event{Display: &hostrpc.Display{Cell: int(p.h.cell.Load()), Display: d}})
}

// ClearOutput clears the output of the cell that runs.
func (p port) ClearOutput(wait bool) error {
	p.h.output.flush()
	return p.h.conn.Send(&hostrpc.Event{Clear: &hostrpc.Clear{Cell: int(p.h.cell.Load()), Wait: wait}})
}

// Input asks the user.
func (p port) Input(prompt string, password bool) (string, error) {
	p.h.output.flush()
	ch := make(chan hostrpc.InputReply, 1)
	p.h.mu.Lock()
	p.h.token++
	token := p.h.token
	p.h.asks[token] = ch
	p.h.mu.Unlock()
	err := p.h.conn.Send(&hostrpc.Event{Input: &hostrpc.InputRequest{Cell: int(p.h.cell.Load()), Token: token, Prompt: prompt, Password: password}})
	if err != nil {
		return "", err
	}
	r := <-ch
	if r.Err != "" {
		return "", errors.New(r.Err)
	}
	return r.Text, nil
}

// lineReader is the standard input of cells: each line is asked for.
type lineReader struct {
	h    *host
	rest *[]byte
}

// Read asks for a line where none is left.
func (l lineReader) Read(p []byte) (int, error) {
	if len(*l.rest) == 0 {
		s, err := port{l.h}.Input("", false)
		if err != nil {
			return 0, io.EOF
		}
		*l.rest = []byte(s + "\n")
	}
	n := copy(p, *l.rest)
	*l.rest = (*l.rest)[n:]
	return n, nil
}
