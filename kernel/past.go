package kernel

import "mobula/kernel/history"

// historyContent is the content of a history_request. Its raw is not looked at: cells are
// kept as they were typed, and nothing rewrites them.
type historyContent struct {
	Access  string `json:"hist_access_type"`
	Output  bool   `json:"output"`
	Session int    `json:"session"`
	Start   int    `json:"start"`
	Stop    *int   `json:"stop"`
	N       *int   `json:"n"`
	Pattern string `json:"pattern"`
	Unique  bool   `json:"unique"`
}

func (k *Kernel) historyRequest(r *request) {
	var c historyContent
	if !r.bind(&c) {
		return
	}
	var entries []history.Entry
	switch c.Access {
	case "tail":
		if n := value(c.N, 10); n > 0 {
			entries = k.history.Tail(n)
		}
	case "search":
		pattern := c.Pattern
		if pattern == "" {
			pattern = "*"
		}
		entries = k.history.Search(pattern, value(c.N, 0), c.Unique)
	case "range":
		entries = k.history.Range(c.Session, c.Start, value(c.Stop, 0))
	default:
		r.fail("ProtocolError", "hist_access_type must be range, tail or search, not \""+c.Access+"\"")
		return
	}
	// Each is (session, line, input), or with output (session, line, (input, output)).
	items := make([][]any, 0, len(entries))
	for _, e := range entries {
		item := []any{e.Session, e.Line, e.Source}
		if c.Output {
			var output any // null where there was none
			if e.Output != "" {
				output = e.Output
			}
			item[2] = []any{e.Source, output}
		}
		items = append(items, item)
	}
	r.reply(object{"history": items})
}

func value(n *int, absent int) int {
	if n == nil {
		return absent
	}
	return *n
}
