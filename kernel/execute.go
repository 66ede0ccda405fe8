package kernel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/history"
	"mobula/kernel/magic"
)

// quietNumbers is the first cell number of executions that are not counted: the engine wants
// a number of its own for each, and theirs are never shown in a prompt.
const quietNumbers = 1_000_000

// executeContent is the content of an execute_request; absent fields have the protocol's defaults.
type executeContent struct {
	Code            *string           `json:"code"`
	Silent          bool              `json:"silent"`
	StoreHistory    *bool             `json:"store_history"`
	UserExpressions map[string]string `json:"user_expressions"`
	AllowStdin      *bool             `json:"allow_stdin"`
	StopOnError     *bool             `json:"stop_on_error"`
}

// set is a flag that is true where it is absent.
func set(flag *bool) bool { return flag == nil || *flag }

// execution is one run of a cell.
type execution struct {
	k       *Kernel
	r       *request
	ctx     context.Context // ends with the kernel or an interrupt
	content executeContent
	number  int   // the engine's cell number
	count   int64 // what the front end shows
	counted bool  // and stored
	payload []object
}

// execute runs a cell and answers. Where it failed it returns the requests that must be
// aborted: those that came before the reply went out, so not one that the reply caused.
func (k *Kernel) execute(ctx context.Context, l *lane, r *request) (behind []*request) {
	r.around(func() {
		l.setBusy(r)
		defer l.setBusy(nil)
		x := &execution{k: k, r: r, ctx: ctx, payload: []object{}}
		if !r.bind(&x.content) {
			return
		}
		if x.content.Code == nil {
			r.fail("ProtocolError", "content of execute_request has no code")
			return
		}
		started := time.Now().UTC().Format(time.RFC3339Nano)
		reply := x.run()
		if reply["status"] != "ok" && set(x.content.StopOnError) {
			l.settle(ctx)
			behind = l.takeAll()
		}
		r.replyWith(reply, object{"started": started, "status": reply["status"]})
	})
	return behind
}

// begin counts the execution and makes its outlet.
func (x *execution) begin() {
	k, code := x.k, *x.content.Code
	blank := strings.TrimSpace(code) == ""
	x.counted = !blank && !x.content.Silent && set(x.content.StoreHistory)
	if x.counted {
		x.count = k.count.Add(1)
		x.number = int(x.count)
	} else {
		x.count = k.count.Load()
		x.number = quietNumbers + int(k.quiet.Add(1))
	}
	k.outputs.open(x.number, &outlet{
		parent: x.r.RawHeader, identity: x.r.Identities[0],
		allowStdin: set(x.content.AllowStdin), silent: x.content.Silent, count: x.count,
	})
	if !x.content.Silent {
		k.publish(x.r.RawHeader, "execute_input", object{"code": code, "execution_count": x.count})
	}
}

// run runs the cell and returns the content of the reply. Errors and output are published before it returns.
func (x *execution) run() object {
	x.begin()
	failure := x.evaluate()
	if failure == nil && x.ctx.Err() != nil {
		failure = &interp.Error{Name: "interrupted", Value: context.Cause(x.ctx).Error()}
	}
	result := x.k.outputs.finish(x.number)
	x.store(result)
	reply := object{"execution_count": x.count, "payload": x.payload, "user_expressions": object{}}
	if failure == nil {
		reply["status"] = "ok"
		reply["user_expressions"] = x.userExpressions()
		return reply
	}
	content := errorContent(failure)
	x.k.outputs.show(x.number, func(*outlet) (string, object) { return "error", content })
	reply["status"] = "error"
	maps.Copy(reply, content)
	return reply
}

// evaluate hands the cell to whom it is for. A panic of the engine is a bug; it fails the cell and ends nothing.
func (x *execution) evaluate() (failure *interp.Error) {
	defer func() {
		if p := recover(); p != nil {
			x.k.log.Error("panic in the engine", "cell", x.number, "panic", p, "stack", string(debug.Stack()))
			failure = &interp.Error{Name: "internal error", Value: fmt.Sprintf("the cell engine failed: %v; the session goes on; please report this", p)}
		}
	}()
	code := *x.content.Code
	if strings.TrimSpace(code) == "" {
		return nil
	}
	engine, err := x.k.ready(x.ctx)
	if err != nil {
		return x.failure("engine error", err)
	}
	if name, detail, ok := helpQuery(code); ok {
		return x.page(engine, name, detail)
	}
	// Not Quiet where the request is silent: the cell means the same then, its outlet shows nothing.
	return x.k.opts.Magics.Run(x.ctx, x.env(engine), interp.Cell{Number: x.number, Source: code})
}

// env is what the magics of this cell act on.
func (x *execution) env(engine interp.Engine) *magic.Env {
	out := x.k.outputs
	env := &magic.Env{
		Engine:  engine,
		Cell:    x.number,
		Stdout:  func(text string) { out.Stream(x.number, "stdout", text) },
		Stderr:  func(text string) { out.Stream(x.number, "stderr", text) },
		Display: func(d cellio.Data) { out.Display(x.number, cellio.Display{Data: d}) },
		SetNextInput: func(text string, replace bool) {
			x.payload = append(x.payload, object{"source": "set_next_input", "text": text, "replace": replace})
		},
		History: x.history,
	}
	if set(x.content.AllowStdin) {
		env.Input = func(ctx context.Context, prompt string) (string, error) {
			return out.Input(ctx, x.number, prompt, false)
		}
	}
	return env
}

// history returns the last n cells before this one, or all of the session.
func (x *execution) history(n int) []magic.Entry {
	var found []history.Entry
	if n > 0 {
		found = x.k.history.Tail(n)
	} else {
		found = x.k.history.Range(0, 0, 0)
	}
	entries := make([]magic.Entry, 0, len(found))
	for _, e := range found {
		entries = append(entries, magic.Entry{Line: e.Line, Source: e.Source})
	}
	return entries
}

// failure makes an error for the front end; an interrupt is one whatever it broke.
func (x *execution) failure(name string, err error) *interp.Error {
	if failed, ok := errors.AsType[*interp.Error](err); ok {
		return failed
	}
	if x.ctx.Err() != nil {
		name, err = "interrupted", context.Cause(x.ctx)
	}
	return &interp.Error{Name: name, Value: err.Error()}
}

var helpPattern = regexp.MustCompile(`^(\?{0,2})\s*([\pL_][\pL\pN_.]*)\s*(\?{0,2})$`)

// helpQuery recognises ?name, ??name, name? and name??, none of which is Go.
func helpQuery(code string) (name string, detail int, ok bool) {
	m := helpPattern.FindStringSubmatch(strings.TrimSpace(code))
	if m == nil || len(m[1])+len(m[3]) == 0 {
		return "", 0, false
	}
	return m[2], max(len(m[1]), len(m[3])) - 1, true
}

// page answers a question about a name in the front end's pager.
func (x *execution) page(engine interp.Engine, name string, detail int) *interp.Error {
	found, err := engine.Inspect(x.ctx, name, len(name), detail)
	if err != nil {
		return x.failure("inspection error", err)
	}
	if !found.Found {
		return &interp.Error{Name: "not found", Value: fmt.Sprintf("nothing is known about %q: it is no name of this session, package or keyword", name)}
	}
	x.payload = append(x.payload, object{"source": "page", "data": orEmpty(found.Data), "start": 0})
	return nil
}

func (x *execution) store(result string) {
	if !x.counted {
		return
	}
	e := history.Entry{Line: int(x.count), Source: *x.content.Code, Output: result}
	if err := x.k.history.Append(e); err != nil {
		x.k.log.Warn("store the history", "err", err)
	}
}

// userExpressions evaluates what the front end wants to know after the cell.
func (x *execution) userExpressions() object {
	values := object{}
	if len(x.content.UserExpressions) == 0 {
		return values
	}
	engine, err := x.k.ready(x.ctx)
	for name, expr := range x.content.UserExpressions {
		failed := (*interp.Error)(nil)
		if err != nil {
			failed = x.failure("engine error", err)
		} else if data, e := engine.Evaluate(x.ctx, expr); e != nil {
			failed = e
		} else {
			values[name] = object{"status": "ok", "data": orEmpty(data), "metadata": object{}}
		}
		if failed != nil {
			value := errorContent(failed)
			value["status"] = "error"
			values[name] = value
		}
	}
	return values
}
