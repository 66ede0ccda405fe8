package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"mobula/kernel/wire"
)

// request is a message from a front end and the channel it came on.
type request struct {
	*wire.Message
	k   *Kernel
	via *wire.Router
}

// decode verifies a message. One that cannot be trusted is logged and dropped; one that is
// authentic but malformed is answered with an error. Both return nil.
func (k *Kernel) decode(channel string, via *wire.Router, frames [][]byte) *request {
	m, err := k.codec.Decode(frames)
	if m == nil {
		k.log.Warn("drop a message", "channel", channel, "err", err)
		return nil
	}
	r := &request{Message: m, k: k, via: via}
	if err != nil {
		k.log.Warn("refuse a message", "channel", channel, "type", m.Header.MsgType, "err", err)
		r.around(func() { r.fail("ProtocolError", err.Error()) })
		return nil
	}
	k.log.Debug("request", "channel", channel, "type", m.Header.MsgType, "id", m.Header.MsgID)
	return r
}

func (r *request) status(state string) {
	r.k.publish(r.RawHeader, "status", object{"execution_state": state})
}

// around runs a handler between busy and idle. A panic is a bug of the kernel: it is logged and answered, and ends nothing.
func (r *request) around(handle func()) {
	r.status("busy")
	defer r.status("idle")
	defer func() {
		if p := recover(); p != nil {
			r.k.log.Error("panic in a handler", "type", r.Header.MsgType, "panic", p, "stack", string(debug.Stack()))
			r.fail("KernelError", fmt.Sprintf("the kernel failed to handle %s: %v; please report this", r.Header.MsgType, p))
		}
	}()
	handle()
}

// replyType is x_reply for x_request, and "" for messages that have no reply.
func (r *request) replyType() string {
	base, ok := strings.CutSuffix(r.Header.MsgType, "_request")
	if !ok {
		return ""
	}
	return base + "_reply"
}

// reply answers the request; content gets status ok unless it says otherwise.
func (r *request) reply(content object) { r.replyWith(content, nil) }

func (r *request) replyWith(content, metadata object) {
	typ := r.replyType()
	if typ == "" {
		return
	}
	if _, ok := content["status"]; !ok {
		content["status"] = "ok"
	}
	var meta any
	if metadata != nil {
		meta = metadata
	}
	frames, err := r.k.encode("", r.RawHeader, typ, content, meta, nil)
	if err != nil {
		r.k.log.Error("reply", "type", typ, "err", err)
		return
	}
	if !r.via.Send(append(slices.Clip(r.Identities), frames[1:]...)) {
		r.k.log.Debug("the client has gone before its reply", "type", typ)
	}
}

// fail answers with an error.
func (r *request) fail(name, value string) {
	r.reply(object{"status": "error", "ename": name, "evalue": value, "traceback": []string{name + ": " + value}})
}

// bind decodes the content into to; it answers with an error and returns false where that fails.
func (r *request) bind(to any) bool {
	err := json.Unmarshal(r.Content, to)
	if err == nil {
		return true
	}
	what := err.Error()
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what = fmt.Sprintf("field %q must be %s, not %s", typed.Field, typed.Type, typed.Value)
	}
	r.fail("ProtocolError", fmt.Sprintf("content of %s: %s", r.Header.MsgType, what))
	return false
}
