package display

import (
	"fmt"
	"html"
	"iter"
	"strings"
	"time"
)

// Progress ranges over xs and shows how far it is. The bar's last state is always
// written: done, or where a break, a panic or an interrupt ended the loop.
func Progress[S ~[]E, E any](xs S, label ...string) iter.Seq2[int, E] {
	return func(yield func(int, E) bool) {
		bar := NewBar(len(xs), label...)
		defer bar.Stop()
		for i, x := range xs {
			if !yield(i, x) {
				return
			}
			bar.Add(1)
		}
		bar.Done()
	}
}

// ProgressN ranges over 0 to n-1 and shows how far it is.
func ProgressN(n int, label ...string) iter.Seq[int] {
	return func(yield func(int) bool) {
		bar := NewBar(n, label...)
		defer bar.Stop()
		for i := range n {
			if !yield(i) {
				return
			}
			bar.Add(1)
		}
		bar.Done()
	}
}

// ProgressSeq ranges over a sequence of unknown length and counts.
func ProgressSeq[E any](seq iter.Seq[E], label ...string) iter.Seq[E] {
	return func(yield func(E) bool) {
		bar := NewBar(0, label...)
		defer bar.Stop()
		for x := range seq {
			if !yield(x) {
				return
			}
			bar.Add(1)
		}
		bar.Done()
	}
}

// Bar is a progress bar. End it with Done, Fail or Stop (defer Stop): the first counts.
type Bar struct {
	started time.Time
	updater *Updater

	// Guarded by updater:
	label string
	n     int
	total int // 0: unknown
	state string
}

// NewBar shows a bar of total steps; 0 means that the number is not known.
func NewBar(total int, label ...string) *Bar {
	b := &Bar{started: time.Now(), total: max(total, 0), label: strings.Join(label, " "), state: running}
	b.updater = NewUpdater(func() any { return b.bundle(time.Now()) })
	return b
}

// The states of a bar.
const (
	running = "running"
	done    = "done"
	stopped = "stopped"
	failed  = "failed"
)

// Add counts k more steps.
func (b *Bar) Add(k int) { b.updater.Change(func() { b.n += k }) }

// Set says that n steps are done.
func (b *Bar) Set(n int) { b.updater.Change(func() { b.n = n }) }

// SetLabel changes the text beside the bar.
func (b *Bar) SetLabel(s string) { b.updater.Change(func() { b.label = s }) }

// Done ends the bar as complete.
func (b *Bar) Done() { b.updater.End(func() { b.state = done }) }

// Stop ends the bar where it is; after Done or Fail it does nothing.
func (b *Bar) Stop() { b.updater.End(func() { b.state = stopped }) }

// Fail ends the bar with an error.
func (b *Bar) Fail(err error) {
	b.updater.End(func() { b.state, b.label = failed, strings.TrimSpace(fmt.Sprintf("%s: %v", b.label, err)) })
}

// bundle is the bar as it is now.
func (b *Bar) bundle(now time.Time) Bundle {
	status := b.status(now)
	meter := "<progress></progress>"
	if b.total > 0 {
		meter = fmt.Sprintf(`<progress value="%d" max="%d"></progress>`, min(b.n, b.total), b.total)
	} else if b.state != running {
		meter = `<progress value="1" max="1"></progress>`
	}
	label := ""
	if b.label != "" {
		label = html.EscapeString(b.label) + " "
	}
	return Bundle{
		MIMEHTML: "<div>" + label + meter + " " + html.EscapeString(status) + "</div>",
		MIMEText: strings.TrimSpace(b.label + " " + b.line() + " " + status),
	}
}

// line draws the bar with characters.
func (b *Bar) line() string {
	const width = 20
	if b.total == 0 {
		return ""
	}
	n := max(0, min(width, b.n*width/b.total))
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}

func (b *Bar) status(now time.Time) string {
	spent := now.Sub(b.started)
	s := fmt.Sprint(b.n)
	if b.total > 0 {
		s = fmt.Sprintf("%d/%d", b.n, b.total)
	}
	if b.state != running {
		return fmt.Sprintf("%s %s in %s", s, b.state, Duration(spent))
	}
	if b.n > 0 && b.total > b.n {
		left := time.Duration(float64(spent) / float64(b.n) * float64(b.total-b.n))
		return fmt.Sprintf("%s %s, %s left", s, Duration(spent), Duration(left))
	}
	return s + " " + Duration(spent)
}

// Duration is d with the digits that matter to a reader, as in 1.2s.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
