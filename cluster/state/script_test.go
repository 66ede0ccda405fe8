package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mobula/internal/golden"
	"mobula/internal/id"
)

func TestTranscripts(t *testing.T) {
	golden.Transcripts(t, "testdata/*.txt", func(t *testing.T) func(string) string {
		s := newScript(t)
		t.Cleanup(s.checkRestored)
		return s.command
	})
}

// script runs lines such as: node-join {"id":"$n1","time":5}
type script struct {
	t     *testing.T
	state *State
	index uint64
	names map[string]string // of ids by their digits
}

func newScript(t *testing.T) *script { return &script{t: t, state: New(), names: map[string]string{}} }

var (
	dollar = regexp.MustCompile(`\$\w+`)
	digits = regexp.MustCompile(`[0-9a-f]{32}`)
)

// named gives a name its id.
func named(word string) (i id.ID) {
	copy(i[:], fmt.Sprintf("%-8.8s", word))
	binary.BigEndian.PutUint64(i[8:], uint64(len(word)))
	return i
}

// ids replaces $names by ids.
func (s *script) ids(line string) string {
	return dollar.ReplaceAllStringFunc(line, func(word string) string {
		text := named(word[1:]).String()
		s.names[text] = word
		return text
	})
}

// short replaces ids by $names.
func (s *script) short(text string) string {
	text = digits.ReplaceAllStringFunc(text, func(i string) string {
		if word, ok := s.names[i]; ok {
			return word
		}
		return i
	})
	for i, word := range s.names {
		if at, err := id.Parse[id.Node](i); err == nil {
			text = strings.ReplaceAll(text, at.Short(), word)
		}
	}
	return text
}

// command runs one line.
func (s *script) command(line string) string {
	verb, body, _ := strings.Cut(s.ids(line), " ")
	switch verb {
	case "lookup":
		space, actor, _ := strings.Cut(body, " ")
		a, err := s.state.View().ActorByName(space, actor)
		return s.answer(a, err)
	case "group-lookup":
		space, group, _ := strings.Cut(body, " ")
		g, err := s.state.View().GroupByName(space, group)
		return s.answer(g, err)
	case "outstanding":
		var text strings.Builder
		for _, e := range s.state.View().Outstanding() {
			text.WriteString(s.event(e))
		}
		return text.String()
	case "on":
		node, _ := id.Parse[id.Node](body)
		var text strings.Builder
		for a := range s.state.View().ActorsOn(node) {
			text.WriteString(fmt.Sprintf("  %s epoch %d\n", s.short(a.ID.String()), a.Epoch))
		}
		return text.String()
	case "raw":
		return s.raw(body)
	}
	for kind, known := range specs {
		if known.name == verb {
			header := binary.BigEndian.AppendUint16(nil, uint16(kind))
			return s.apply(append(append(header, known.version, byte(known.flags)), body...))
		}
	}
	return "no command " + verb + "\n"
}

// raw applies: kind version flags body
func (s *script) raw(line string) string {
	f := strings.SplitN(line, " ", 4)
	var n [3]uint64
	for i := range n {
		n[i], _ = strconv.ParseUint(f[i], 10, 16)
	}
	return s.apply(append(binary.BigEndian.AppendUint16(nil, uint16(n[0])), append([]byte{byte(n[1]), byte(n[2])}, f[3]...)...))
}

func (s *script) apply(data []byte) string {
	s.index++
	before := s.state.View()
	r, err := s.state.Apply(s.index, data)
	if err != nil && s.state.View().tables != before.tables {
		s.t.Errorf("an error changed the state: %v", err)
	}
	var text strings.Builder
	text.WriteString(s.answer(r.Value, err))
	for _, e := range r.Events {
		text.WriteString(s.event(e))
	}
	return text.String()
}

func (s *script) answer(value any, err error) string {
	if err != nil {
		return s.short(fmt.Sprintf("%v\n", err))
	}
	if value == nil {
		return "done\n"
	}
	data, err := json.Marshal(value)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.short(string(data) + "\n")
}

func (s *script) event(e Event) string {
	data, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.short(fmt.Sprintf("  %v %s\n", e.Kind, data))
}

// checkRestored: what the transcript left comes back from its snapshot.
func (s *script) checkRestored() {
	s.t.Helper()
	if err := sameAfterRestore(s.state.View()); err != nil {
		s.t.Error(err)
	}
}
