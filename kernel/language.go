package kernel

import (
	"context"
	"strings"
	"time"

	"mobula/interp"
	"mobula/kernel/evaluate"
)

// languageTimeout bounds completion and inspection, which come one after another.
const languageTimeout = 10 * time.Second

type positionContent struct {
	Code      string `json:"code"`
	CursorPos *int   `json:"cursor_pos"` // code points; absent or null means the end
	Detail    int    `json:"detail_level"`
}

func (c positionContent) cursor() int {
	if c.CursorPos == nil {
		return len(c.Code)
	}
	return byteOffset(c.Code, *c.CursorPos)
}

func (k *Kernel) complete(r *request) {
	var c positionContent
	if !r.bind(&c) {
		return
	}
	cursor := c.cursor()
	found, ok := k.completeMagic(c.Code, cursor)
	if !ok {
		ctx, cancel := context.WithTimeout(k.ctx, languageTimeout)
		defer cancel()
		engine, err := k.ready(ctx)
		if err == nil {
			found, err = engine.Complete(ctx, k.opts.Magics.Go(c.Code), cursor)
		}
		if err != nil {
			r.fail("CompletionError", err.Error())
			return
		}
	}
	if len(found.Items) == 0 {
		found.Start, found.End = cursor, cursor
	}
	r.reply(completeReply(c.Code, found))
}

// completeMagic completes the name of a magic.
func (k *Kernel) completeMagic(code string, cursor int) (interp.Completion, bool) {
	start, names, ok := k.opts.Magics.Complete(code, cursor)
	found := interp.Completion{Start: start, End: cursor}
	for _, name := range names {
		m, _ := k.opts.Magics.Lookup(name)
		found.Items = append(found.Items, interp.CompletionItem{Text: name, Kind: "magic", Type: m.Usage, Doc: m.Help})
	}
	return found, ok
}

func completeReply(code string, found interp.Completion) object {
	start, end := codePoints(code, found.Start), codePoints(code, found.End)
	matches := make([]string, 0, len(found.Items))
	types := make([]object, 0, len(found.Items))
	for _, item := range found.Items {
		matches = append(matches, item.Text)
		types = append(types, object{"start": start, "end": end, "text": item.Text, "type": item.Kind, "signature": item.Type})
	}
	return object{
		"matches": matches, "cursor_start": start, "cursor_end": end,
		"metadata": object{"_jupyter_types_experimental": types},
	}
}

func (k *Kernel) inspect(r *request) {
	var c positionContent
	if !r.bind(&c) {
		return
	}
	if m, ok := k.opts.Magics.At(c.Code, c.cursor()); ok {
		text := m.Usage + "\n\n" + m.Help
		r.reply(object{"found": true, "data": object{"text/plain": text}, "metadata": object{}})
		return
	}
	ctx, cancel := context.WithTimeout(k.ctx, languageTimeout)
	defer cancel()
	engine, err := k.ready(ctx)
	if err != nil {
		r.fail("InspectionError", err.Error())
		return
	}
	found, err := engine.Inspect(ctx, k.opts.Magics.Go(c.Code), c.cursor(), c.Detail)
	if err != nil {
		r.fail("InspectionError", err.Error())
		return
	}
	r.reply(object{"found": found.Found, "data": orEmpty(found.Data), "metadata": object{}})
}

func (k *Kernel) isComplete(r *request) {
	var c struct {
		Code string `json:"code"`
	}
	if !r.bind(&c) {
		return
	}
	source := k.opts.Magics.Go(c.Code)
	_, _, help := evaluate.HelpQuery(c.Code)
	if help || source != c.Code && strings.TrimSpace(source) == "" { // nothing but magics
		r.reply(object{"status": "complete"})
		return
	}
	engine, err := k.ready(k.ctx)
	if err != nil {
		r.reply(object{"status": "unknown"})
		return
	}
	found := engine.IsComplete(source)
	reply := object{"status": found.Status}
	if found.Status == "incomplete" {
		reply["indent"] = found.Indent
	}
	r.reply(reply)
}
