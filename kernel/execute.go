package kernel

import (
	"context"
	"maps"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/evaluate"
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
	x.counted = !evaluate.Blank(code) && !x.content.Silent && set(x.content.StoreHistory)
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

// evaluate hands the cell to whom it is for.
func (x *execution) evaluate() *interp.Error {
	// Not Quiet where the request is silent: the cell means the same then, its outlet shows nothing.
	page, failure := x.k.evaluator.Run(x.ctx, x.env(), *x.content.Code)
	if page != nil {
		x.payload = append(x.payload, object{"source": "page", "data": page, "start": 0})
	}
	return failure
}

// env is what the magics of this cell act on.
func (x *execution) env() *magic.Env {
	out := x.k.outputs
	env := &magic.Env{
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
			failed = evaluate.Failure(x.ctx, "engine error", err)
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
