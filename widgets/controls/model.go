package controls

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"mobula/internal/cellio"
)

// What the protocol of ipywidgets calls things.
const (
	modelTarget   = "jupyter.widget"
	controlTarget = "jupyter.widget.control"
	reference     = "IPY_MODEL_"
	controlModule = "@jupyter-widgets/controls"
	baseModule    = "@jupyter-widgets/base"
	moduleVersion = "2.0.0" // of both
	outputModule  = "@jupyter-widgets/output"
	outputVersion = "1.0.0"
)

// protocolVersion is what comm_open carries.
var protocolVersion = json.RawMessage(`{"version":"2.1.0"}`)

// attrs is the state of a model, or a part of it, by the names of the protocol. Values are what encoding/json takes; *model and []*model,
// which travel as references; and []byte, which travel as buffers.
type attrs map[string]any

// refs are the models that the state refers to.
func (a attrs) refs() (list []*model) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		switch v := a[key].(type) {
		case *model:
			list = append(list, v)
		case []*model:
			list = append(list, v...)
		}
	}
	return list
}

// wire returns the state as it travels. Paths say where in it the buffers belong.
func (a attrs) wire() (state map[string]any, paths [][]any, buffers [][]byte) {
	state, paths = make(map[string]any, len(a)), [][]any{}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		switch v := a[key].(type) {
		case *model:
			state[key] = nil
			if v.comm != nil {
				state[key] = v.ref()
			}
		case []*model:
			list := make([]string, 0, len(v))
			for _, m := range v {
				if m.comm != nil { // front ends fail at what is closed
					list = append(list, m.ref())
				}
			}
			state[key] = list
		case []byte:
			paths, buffers = append(paths, []any{key}), append(buffers, v)
		default:
			state[key] = v
		}
	}
	return state, paths, buffers
}

// model is what the front end has of a control.
type model struct {
	kind string // of the control, for messages
	hub  *hub
	// twin is the control without a front end to draw it, as it is now. It is called without locks.
	twin func() still
	// update takes what the front end has changed, and returns what tells the user's code. Nil takes nothing.
	update func(change) (tell func(), err error)
	// custom takes a message that changes no state; nil takes none.
	custom func(content json.RawMessage, buffers [][]byte) error

	// Guarded by hub.mu:
	state   attrs
	dirty   map[string]bool // what the front end does not know
	comm    cellio.Comm     // nil before the model is shown, and after its end
	queued  bool            // it is in hub.changed
	shown   bool            // by itself, not only as a part of another
	closed  bool
	parents []*model // that have it in them
}

// change is what the front end says of a model's state.
type change struct {
	state   map[string]json.RawMessage
	buffers map[string][]byte // by key
}

// newModel makes a model of one of ipywidgets' classes, IntSlider for example.
func newModel(class string, state attrs) *model {
	m := &model{kind: class, hub: theHub, dirty: map[string]bool{}, twin: func() still { return still{} }, state: attrs{
		"_model_module": controlModule, "_model_module_version": moduleVersion, "_model_name": class + "Model",
		"_view_module": controlModule, "_view_module_version": moduleVersion, "_view_name": class + "View",
	}}
	maps.Copy(m.state, state)
	return m
}

// ref is how other models name this one, which is open; hub.mu is held.
func (m *model) ref() string { return reference + m.comm.ID() }

// message is the message of a method that tells of these keys, nil: of all. hub.mu is held.
func (m *model) message(method string, keys map[string]bool) (cellio.CommMessage, error) {
	part := m.state
	if keys != nil {
		part = attrs{}
		for key := range keys {
			part[key] = m.state[key]
		}
	}
	state, paths, buffers := part.wire()
	body := map[string]any{"state": state, "buffer_paths": paths}
	metadata := protocolVersion
	if method != "" {
		body["method"], metadata = method, nil
	}
	data, err := json.Marshal(body)
	if err != nil {
		return cellio.CommMessage{}, fmt.Errorf("the state of %s cannot be sent: %w", m.kind, err)
	}
	return cellio.CommMessage{Data: data, Metadata: metadata, Buffers: buffers}, nil
}

// incoming is the data of messages of the front end.
type incoming struct {
	Method  string                     `json:"method"`
	State   map[string]json.RawMessage `json:"state"`
	Paths   [][]any                    `json:"buffer_paths"`
	Content json.RawMessage            `json:"content"`
}

// receive handles a message of the front end.
func (m *model) receive(c cellio.Comm, message cellio.CommMessage) error {
	var in incoming
	if err := json.Unmarshal(message.Data, &in); err != nil {
		return fmt.Errorf("the front end sent what is no message of %s: %w", m.kind, err)
	}
	switch in.Method {
	case "update", "backbone":
		return m.receiveUpdate(c, in, message)
	case "custom":
		if m.custom == nil {
			return nil
		}
		return m.custom(in.Content, message.Buffers)
	case "request_state":
		return m.hub.resend(m, nil)
	}
	return fmt.Errorf("the front end sent %q to %s, which has no such method", in.Method, m.kind)
}

func (m *model) receiveUpdate(c cellio.Comm, in incoming, message cellio.CommMessage) error {
	ch := change{in.State, map[string][]byte{}}
	var err error
	for i, path := range in.Paths {
		key, ok := "", len(path) == 1 && i < len(message.Buffers)
		if ok {
			key, ok = path[0].(string)
		}
		if !ok {
			err = fmt.Errorf("the front end sent a buffer for %v of %s: buffers belong to whole fields", path, m.kind)
			break
		}
		ch.buffers[key] = message.Buffers[i]
	}
	var tell func()
	if err == nil && m.update != nil {
		tell, err = m.update(ch)
	}
	if err != nil { // the front end shows what is true again
		keys := map[string]bool{}
		for key := range in.State {
			keys[key] = true
		}
		m.hub.report(m.hub.resend(m, keys))
		return err
	}
	if err := m.hub.echo(c, message); err != nil {
		return err
	}
	if tell != nil {
		tell()
	}
	return nil
}

// resend sends these keys of a model, nil: all.
func (h *hub) resend(m *model, keys map[string]bool) error {
	h.sending.Lock()
	defer h.sending.Unlock()
	h.mu.Lock()
	comm := m.comm
	if keys != nil {
		keys = maps.Clone(keys)
		maps.DeleteFunc(keys, func(key string, _ bool) bool { _, ok := m.state[key]; return !ok })
	}
	message, err := m.message("update", keys)
	h.mu.Unlock()
	if err != nil || comm == nil {
		return err
	}
	return comm.Send(message)
}

// echo tells all front ends what one has changed, and that one that its change has arrived.
func (h *hub) echo(c cellio.Comm, update cellio.CommMessage) error {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(update.Data, &body); err != nil {
		return err
	}
	body["method"] = json.RawMessage(`"echo_update"`)
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	h.sending.Lock()
	defer h.sending.Unlock()
	return c.Send(cellio.CommMessage{Data: data, Buffers: update.Buffers})
}

// control answers a front end that wants to know all models: its page was loaded again.
func (h *hub) control(c cellio.Comm, message cellio.CommMessage) error {
	var in incoming
	if err := json.Unmarshal(message.Data, &in); err != nil || in.Method != "request_states" {
		return fmt.Errorf("the front end sent %q to %s, which knows request_states", in.Method, controlTarget)
	}
	h.sending.Lock() // what comes after is a change of these states
	defer h.sending.Unlock()
	states, paths, buffers := map[string]any{}, [][]any{}, [][]byte{}
	h.mu.Lock()
	ids, models := h.models()
	for i, m := range models {
		state, p, b := m.state.wire()
		states[ids[i]] = map[string]any{
			"model_name": state["_model_name"], "model_module": state["_model_module"], "model_module_version": state["_model_module_version"], "state": state,
		}
		for _, path := range p {
			paths = append(paths, append([]any{ids[i], "state"}, path...))
		}
		buffers = append(buffers, b...)
	}
	data, err := json.Marshal(map[string]any{"method": "update_states", "states": states, "buffer_paths": paths})
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return c.Send(cellio.CommMessage{Data: data, Buffers: buffers})
}
