package wire

import (
	"reflect"
	"testing"

	"mobula/internal/id"
)

func messages() []struct {
	name   string
	sent   any
	append func([]byte) []byte
	parse  func([]byte) (any, error)
} {
	task, object := id.New[id.Task](), id.New[id.Object]()
	push := Push{Task: task, Form: FormTry, Attempt: 2, Actor: id.New[id.Actor](), Concurrency: 3, Name: "f",
		Depth: 4, Closure: Payload{Head: []byte("head"), Buffers: [][]byte{[]byte("one"), []byte("two")}}}
	push.Closure.Refs = []Ref{{object, Payload{Head: []byte("x"), Refs: []Ref{{object, Payload{Head: []byte("y")}}}}}}
	plain := Push{Task: task, Form: FormValue, Closure: Payload{Head: []byte("h")}}
	ok := Result{Task: task, Status: StatusOK, Nanos: 1 << 40, Value: Payload{Head: []byte("v")}}
	failed := Result{Task: task, Status: StatusError, Value: Payload{Head: []byte{1}}, Failure: &Failure{"m", "*t.E", true, []Frame{{"f", "cell[3]", 7}}, Payload{Head: []byte("e"), Place: Place{id.New[id.Node](), object, 1 << 40}}}}
	yield := Yield{task, 9, Payload{Head: []byte("v")}}
	cancel := Cancel{task}
	code := Code{3, []byte("archive")}
	environment := Environment{"digest", Payload{Head: []byte("values")}}
	taken := Taken{object}
	returned := Returned{[]id.Task{task, id.New[id.Task]()}}
	events := Events{id.New[id.Job](), []TaskEvent{{task, "f", TaskRunning, 1 << 60, id.New[id.Worker](), 2, ""}, {Task: task, State: TaskFailed, Error: "no"}}, [TaskStates]uint64{TaskQueued: 7}}
	grant := LeaseGrant{Request: 3, Lease: id.New[id.Lease](), Worker: id.New[id.Worker](), PID: 7, Address: "/a", Slots: 2}
	return []struct {
		name   string
		sent   any
		append func([]byte) []byte
		parse  func([]byte) (any, error)
	}{
		{"push", push, push.Append, func(b []byte) (any, error) { return ParsePush(b) }},
		{"plain push", plain, plain.Append, func(b []byte) (any, error) { return ParsePush(b) }},
		{"result", ok, ok.Append, func(b []byte) (any, error) { return ParseResult(b) }},
		{"failure", failed, failed.Append, func(b []byte) (any, error) { return ParseResult(b) }},
		{"yield", yield, yield.Append, func(b []byte) (any, error) { return ParseYield(b) }},
		{"cancel", cancel, cancel.Append, func(b []byte) (any, error) { return ParseCancel(b) }},
		{"code", code, code.Append, func(b []byte) (any, error) { return ParseCode(b) }},
		{"environment", environment, environment.Append, func(b []byte) (any, error) { return ParseEnvironment(b) }},
		{"taken", taken, taken.Append, func(b []byte) (any, error) { return ParseTaken(b) }},
		{"returned", returned, returned.Append, func(b []byte) (any, error) { return ParseReturned(b) }},
		{"events", events, events.Append, func(b []byte) (any, error) { return ParseEvents(b) }},
		{"grant", grant, JSON(grant), func(b []byte) (any, error) { return ParseJSON[LeaseGrant](b) }},
	}
}

func TestMessagesArriveAsSent(t *testing.T) {
	for _, m := range messages() {
		body := m.append(nil)
		if got, err := m.parse(body); err != nil || !reflect.DeepEqual(got, m.sent) {
			t.Errorf("%s: %+v, %v; want %+v", m.name, got, err, m.sent)
		}
		for n := range body {
			if _, err := m.parse(body[:n]); err == nil {
				t.Errorf("%s: cut off at %d of %d bytes, it is accepted", m.name, n, len(body))
			}
		}
		if _, err := m.parse(append(body, 0)); err == nil {
			t.Errorf("%s: a byte too many is accepted", m.name)
		}
	}
}

// FuzzParse: damaged messages are errors, and take no more memory than they have bytes.
func FuzzParse(f *testing.F) {
	for i, m := range messages() {
		f.Add(byte(i), m.append(nil))
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		list := messages()
		m := list[int(which)%len(list)]
		got, err := m.parse(body)
		if p, ok := got.(Push); ok && err == nil {
			if again, err := ParsePush(p.Append(nil)); err != nil || !reflect.DeepEqual(again, p) {
				t.Errorf("%+v became %+v, %v", p, again, err)
			}
		}
	})
}

func TestTaskStatesHaveNames(t *testing.T) {
	for s := TaskSubmitted; s < taskStateEnd; s++ {
		text, err := s.MarshalText()
		var back TaskState
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%d is written %q and read as %d", s, text, back)
		}
	}
	var none TaskState
	if err := none.UnmarshalText([]byte("unknown")); err == nil || taskStateEnd.String() != "unknown" {
		t.Error("a state that there is none of has a name")
	}
}

func BenchmarkPush(b *testing.B) {
	push := Push{Task: id.New[id.Task](), Form: FormValue, Attempt: 1, Closure: Payload{Head: make([]byte, 60)}}
	var buf []byte
	for b.Loop() {
		buf = push.Append(buf[:0])
		if _, err := ParsePush(buf); err != nil {
			b.Fatal(err)
		}
	}
}
