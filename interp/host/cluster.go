package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"mobula"
	"mobula/cluster/session"
	"mobula/internal/closure"
	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
	"mobula/interp/host/ship"
	"mobula/interp/hostrpc"
)

// EnvSession names the environment variable that tells a worker which session its code is of.
const EnvSession = "MOBULA_SESSION"

// hostSessions lets cells use package mobula.
func (h *Host) hostSessions(p *ship.Program) {
	exe, err := os.Executable()
	if err != nil {
		return // cells are told that tasks cannot be run
	}
	p.Assigns = h.functions.assigns
	session.SetHost(&session.Host{
		Program: p, Path: exe, Env: []string{EnvGOROOT + "=" + goroot(), EnvSession + "=" + p.Session()},
		Address: h.address, Cell: h.cellHere, OnLog: h.logs.add, OnPending: h.pending,
		Stop: cellrt.StopChan, Stopped: cellrt.Stopped, Apart: apart, Captures: h.functions.captures, TaskName: taskName,
	})
}

// apart runs f on a goroutine that belongs to no cell.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		hook.SetOwner(nil)
		f()
	}()
	<-done
}

// literalName is what the compiler calls func literals.
var literalName = regexp.MustCompile(`\.func\d`)

// taskName is the name of a function as its user wrote it, or where a literal of a cell is.
func taskName(entry uintptr) string {
	f := runtime.FuncForPC(entry)
	if f == nil {
		return "function"
	}
	name := f.Name()
	if file, line := f.FileLine(entry); strings.HasPrefix(name, "main.") && literalName.MatchString(name) && strings.HasPrefix(file, "cell[") {
		return file + ":" + strconv.Itoa(line)
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	return strings.TrimSuffix(strings.TrimPrefix(name, "main."), "-fm")
}

// addresses waits for the kernel to say where a cluster is.
type addresses struct {
	mu    sync.Mutex // guards below
	next  uint64
	waits map[uint64]chan *hostrpc.Address
}

// address asks the kernel for the notebook's cluster.
func (h *Host) address(ctx context.Context, config []byte) (string, error) {
	a := &h.where
	answer := make(chan *hostrpc.Address, 1)
	a.mu.Lock()
	a.next++
	token := a.next
	if a.waits == nil {
		a.waits = map[uint64]chan *hostrpc.Address{}
	}
	a.waits[token] = answer
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.waits, token)
		a.mu.Unlock()
	}()
	req := &hostrpc.AddressRequest{Cell: h.cellHere(), Token: token, Config: config}
	if err := h.conn.Send(&hostrpc.Event{Address: req}); err != nil {
		return "", err
	}
	select {
	case r := <-answer:
		if r.Err != "" {
			return "", errors.New(r.Err)
		}
		return r.Address, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (a *addresses) reply(r *hostrpc.Address) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.waits[r.Token]; c != nil {
		c <- r // has room: a token is answered once
		delete(a.waits, r.Token)
	}
}

// cluster joins or leaves a cluster for the kernel.
func (h *Host) cluster(run *cellrt.Run, c *hostrpc.Cluster) *hostrpc.Reply {
	err := mobula.Close()
	if c.Address != "" {
		err = mobula.Connect(context.Background(), mobula.Config{Address: c.Address})
	}
	if err != nil {
		return failed(run.Cell, "cluster", err)
	}
	return &hostrpc.Reply{}
}

// pending tells under the cell that runs why tasks wait.
func (h *Host) pending(reason string) {
	if reason != "" {
		_ = h.out.write(h.cellHere(), 1, []byte("tasks wait: "+reason+"\n")) // a lost kernel is noticed by the receiver
	}
}

// functions are the functions of cells, by file and line.
type functions struct {
	mu     sync.Mutex // guards byFile
	byFile map[string]map[int][]hostrpc.Function
}

// add remembers the functions of a cell.
func (l *functions) add(list []hostrpc.Function) {
	if len(list) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byFile == nil {
		l.byFile = map[string]map[int][]hostrpc.Function{}
	}
	lines := map[int][]hostrpc.Function{}
	for _, x := range list {
		lines[x.Line] = append(lines[x.Line], x)
	}
	l.byFile[list[0].File] = lines
}

// at returns the functions that may be the one at an entry: those that begin in its line.
func (l *functions) at(entry uintptr) []hostrpc.Function {
	f := runtime.FuncForPC(entry)
	if f == nil {
		return nil
	}
	file, line := f.FileLine(entry)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byFile[file][line]
}

// captures returns the variables that the literal at an entry captures, nil where several literals begin in its line that
// capture as many.
func (l *functions) captures(entry uintptr) (list []session.Capture) {
	layout, err := closure.Layout(entry, 0)
	if err != nil {
		return nil
	}
	for _, x := range l.at(entry) {
		if len(x.Captures) != layout.NumField()-1 {
			continue
		}
		if list != nil {
			return nil
		}
		for _, c := range x.Captures {
			list = append(list, session.Capture{Name: c.Name, Place: fmt.Sprintf("%s:%d:%d", x.File, c.Line, c.Col)})
		}
	}
	return list
}

// assigns returns the first session variable that the function at an entry assigns to. Where several begin in its line nothing is
// known.
func (l *functions) assigns(entry uintptr) (name, place string, ok bool) {
	list := l.at(entry)
	if len(list) != 1 || len(list[0].Assigns) == 0 {
		return "", "", false
	}
	a := list[0].Assigns[0]
	return a.Name, fmt.Sprintf("%s:%d:%d", list[0].File, a.Line, a.Col), true
}
