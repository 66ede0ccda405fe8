package dashboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"mobula/cluster/inspect"
	"mobula/internal/id"
)

func lookLogs(ctx context.Context, s *Server, r request) (v view, err error) {
	l, err := fetch(ctx, s.source, "logs", usual/2, inspect.Logs)
	if err != nil {
		return v, err
	}
	name := r.params["node"]
	return v, addRows(&v, l, func(x inspect.Log) bool { return name == "" || x.Node == name })
}

// findLog finds the log of a worker.
func (s *Server) findLog(ctx context.Context, worker string) (inspect.Log, error) {
	which, err := id.Parse[id.Worker](worker)
	if err != nil {
		return inspect.Log{}, &badRequest{http.StatusBadRequest, fmt.Sprintf("%.40q is no id of a worker: give all 32 digits", worker)}
	}
	l, err := fetch(ctx, s.source, "logs", usual/2, inspect.Logs)
	if err != nil {
		return inspect.Log{}, err
	}
	for _, x := range l.Rows {
		if x.Worker == which {
			return x, nil
		}
	}
	return inspect.Log{}, &badRequest{http.StatusNotFound, fmt.Sprintf("there is no log of worker %s: it wrote nothing, or its log was dropped to make room", which.Short())}
}

// logMeta is the meta of the topic log: what was written since the last one.
type logMeta struct {
	Node  string `json:"node"`
	Text  string `json:"text"`
	From  int64  `json:"from"` // offset of the text, in bytes
	Next  int64  `json:"next"` // and of what follows
	Ended bool   `json:"ended,omitempty"`
}

// tailBytes is how much of the end of a log a page gets at first, and may ask for in all.
const (
	tailBytes = 256 << 10
	maxTail   = 4 << 20
)

// logCursor is how far a page has read a log.
type logCursor struct {
	offset int64
	ended  bool // it knows that nothing follows
}

const endMark = " ended"

func (c logCursor) String() string {
	text := strconv.FormatInt(c.offset, 10)
	if c.ended {
		text += endMark
	}
	return text
}

func parseLogCursor(text string) (c logCursor, err error) {
	text, c.ended = strings.CutSuffix(text, endMark)
	c.offset, err = strconv.ParseInt(text, 10, 64)
	return c, err
}

// tail reads how much of the end of a log is wanted, in bytes.
func (r request) tail() (int64, error) {
	text := r.params["tail"]
	if text == "" {
		return tailBytes, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > maxTail {
		return 0, &badRequest{http.StatusBadRequest, fmt.Sprintf("tail=%.20q is not a number of bytes up to %d", text, maxTail)}
	}
	return n, nil
}

func lookLog(ctx context.Context, s *Server, r request) (v view, err error) {
	l, err := s.findLog(ctx, r.params["worker"])
	if err != nil {
		return v, err
	}
	var at logCursor
	first := r.cursor == ""
	if first {
		tail, err := r.tail()
		if err != nil {
			return v, err
		}
		at.offset = max(0, l.Size-tail)
	} else if at, err = parseLogCursor(r.cursor); err != nil {
		return v, err
	}
	part, err := inspect.ReadLog(ctx, s.conf.Caller, l, at.offset)
	if err != nil {
		return v, err
	}
	v.more = len(part.Text) > 0
	text := part.Text
	if first && at.offset > 0 { // it begins in a line
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
	}
	if !part.Ended {
		cut := cutLetter(text)
		text, part.Next = text[:len(text)-cut], part.Next-int64(cut)
		v.more = v.more && cut == 0
	}
	v.cursor = logCursor{part.Next, part.Ended}.String()
	v.same = !first && len(text) == 0 && part.Ended == at.ended
	return v, v.setMeta(logMeta{l.Node, strings.ToValidUTF8(string(text), "\uFFFD"), part.Next - int64(len(text)), part.Next, part.Ended})
}

// cutLetter is how many bytes at the end of a text are the begin of a letter whose other bytes follow later.
func cutLetter(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(text[len(text)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// rawLog answers with all of a log that is kept.
func (s *Server) rawLog(w http.ResponseWriter, r *http.Request) {
	l, err := s.findLog(r.Context(), r.PathValue("worker"))
	if err != nil {
		answerError(w, statusOf(err), err.Error())
		return
	}
	begun := false
	err = s.eachPart(r.Context(), l, func(text []byte) bool {
		if !begun {
			h := w.Header()
			h.Set("Content-Type", "text/plain; charset=utf-8")
			h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="worker-%s.log"`, l.Worker.Short()))
			begun = true
		}
		_, err := w.Write(text)
		return err == nil
	})
	switch {
	case err == nil:
	case begun:
		panic(http.ErrAbortHandler) // whoever reads it must see that it is not whole
	default:
		answerError(w, statusOf(err), err.Error())
	}
}

// eachPart calls f with all of a log that is kept, from the first byte on, until it returns false. f is called once at least.
func (s *Server) eachPart(ctx context.Context, l inspect.Log, f func(text []byte) bool) error {
	for offset := int64(0); ; {
		part, err := inspect.ReadLog(ctx, s.conf.Caller, l, offset)
		if err != nil {
			return err
		}
		if !f(part.Text) || len(part.Text) == 0 || part.Next <= offset {
			return nil
		}
		offset = part.Next
	}
}

// match is a line that was searched for.
type match struct {
	Line int    `json:"line"` // its number, of those that are kept, from 1
	Text string `json:"text"`
}

// found is the answer to a search.
type found struct {
	Matches []match `json:"matches"`
	Lines   int     `json:"lines"` // that were looked at
	More    bool    `json:"more,omitempty"`
}

// Bounds of a search.
const (
	maxMatches   = 1000
	maxMatchText = 4 << 10 // bytes, of a line that is answered
	maxLine      = 1 << 20 // bytes: a longer one is searched in parts
)

// searchLog finds the lines of a log that hold a text, in upper or lower case.
func (s *Server) searchLog(w http.ResponseWriter, r *http.Request) {
	text := strings.ToLower(r.URL.Query().Get("q"))
	l, err := s.findLog(r.Context(), r.PathValue("worker"))
	if err == nil && text == "" {
		err = &badRequest{http.StatusBadRequest, "give what to search for as q"}
	}
	search := lineSearch{text: text, found: found{Matches: []match{}}}
	if err == nil {
		err = s.eachPart(r.Context(), l, search.add)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		answerError(w, statusOf(err), err.Error())
		return
	}
	search.end()
	answerJSON(w, http.StatusOK, search.found)
}

// lineSearch looks at the lines of a text that comes in parts.
type lineSearch struct {
	text  string
	found found
	rest  []byte // a line that has not ended
}

// add takes a part, and reports whether more is wanted.
func (s *lineSearch) add(part []byte) bool {
	s.rest = append(s.rest, part...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok && len(s.rest) <= maxLine {
			s.rest = append([]byte(nil), s.rest...) // what was looked at can go
			return true
		}
		if !s.take(line) {
			return false
		}
		s.rest = rest
	}
}

func (s *lineSearch) end() {
	if len(s.rest) > 0 && !s.found.More {
		s.take(s.rest)
	}
}

func (s *lineSearch) take(line []byte) bool {
	s.found.Lines++
	if !strings.Contains(strings.ToLower(string(line)), s.text) {
		return true
	}
	if len(s.found.Matches) >= maxMatches {
		s.found.More = true
		return false
	}
	s.found.Matches = append(s.found.Matches, match{s.found.Lines, strings.ToValidUTF8(string(line[:min(len(line), maxMatchText)]), "\uFFFD")})
	return true
}
