package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"mobula"
	"mobula/cluster/headwire"
	"mobula/cluster/session"
	"mobula/internal/closure"
	"mobula/internal/id"
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
		Address: h.address, Cell: h.cellHere, OnLog: h.logs.add, OnPending: h.pending, OnBusy: h.tasks.busy,
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

// address asks the kernel for the notebook's cluster.
func (h *Host) address(ctx context.Context, config []byte) (string, error) {
	token, answer, end := h.where.ask()
	defer end()
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

// cluster joins or leaves a cluster for the kernel.
func (h *Host) cluster(run *cellrt.Run, c *hostrpc.Cluster) *hostrpc.Reply {
	if c.Node != "" && joined() == c.Node {
		return &hostrpc.Reply{} // its refs stay good
	}
	err := mobula.Close()
	if c.Address != "" {
		err = mobula.Connect(context.Background(), mobula.Config{Address: c.Address})
	}
	if err != nil {
		return failed(run.Cell, "cluster", err)
	}
	return &hostrpc.Reply{}
}

// joined returns the id of the node that tasks go to, "" for none.
func joined() string {
	s := session.Process()
	if s == nil || s.Err() != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinedTime)
	defer cancel()
	var info struct {
		Node id.Node `json:"node"`
	}
	var data json.RawMessage
	var err error
	apart(func() { data, err = session.Ask(ctx, s, headwire.QueryNode, headwire.Query{What: "node"}) })
	if err != nil || json.Unmarshal(data, &info) != nil {
		return ""
	}
	return info.Node.String()
}

// joinedTime bounds how long a node may take to say who it is.
const joinedTime = 5 * time.Second

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
