package display

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"mobula/internal/cellio"
)

// PrintTo has what is shown printed to w as its text form: for programs, which have no front end that shows the rest. What is updated in place
// is printed when it is shown first, and once more, as it is then, by the function that PrintTo returns; call that at the end:
//
//	defer display.PrintTo(os.Stdout)()
//
// Input fails, as it does without. Call it before anything is shown.
func PrintTo(w io.Writer) (finish func()) {
	p := &textPort{w: w, texts: map[string]liveText{}}
	cellio.Install(p)
	return p.finish
}

// textPort is the port of a program.
type textPort struct {
	w io.Writer

	mu    sync.Mutex // guards the rest, and w
	ids   []string   // in the order in which they were shown
	texts map[string]liveText
}

// liveText is what was printed of something that is updated, and what it is now.
type liveText struct{ printed, now string }

func (p *textPort) Display(d cellio.Display) error {
	var s string
	if err := json.Unmarshal(d.Data[MIMEText], &s); err != nil {
		s = fmt.Sprintf("(%d forms, none of them text)", len(d.Data))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case d.Update:
		if t, shown := p.texts[d.ID]; shown {
			p.texts[d.ID] = liveText{t.printed, s}
		}
		return nil
	case d.ID != "":
		if !slices.Contains(p.ids, d.ID) {
			p.ids = append(p.ids, d.ID)
		}
		p.texts[d.ID] = liveText{s, s}
	}
	return p.print(s)
}

func (p *textPort) print(s string) error {
	_, err := io.WriteString(p.w, strings.TrimSuffix(s, "\n")+"\n")
	return err
}

func (p *textPort) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.ids {
		if t := p.texts[id]; t.now != t.printed {
			_ = p.print(t.now) // as fmt.Print does
			p.texts[id] = liveText{t.now, t.now}
		}
	}
}

func (p *textPort) ClearOutput(bool) error { return nil }

func (p *textPort) Input(string, bool) (string, error) {
	return "", cellio.ErrNoFrontEnd
}
