package widgets

import (
	"fmt"
	"sync"
)

// cancellable are the bars of this process that have a button.
var cancellable = registry{all: map[string]func(){}}

type registry struct {
	mu  sync.Mutex // guards all; taken with the lock of an updater held, never the other way round
	all map[string]func()
}

func (r *registry) add(id string, ask func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[id] = ask
}

// take returns what asks a bar to cancel, once; nil where there is none.
func (r *registry) take(id string) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	ask := r.all[id]
	delete(r.all, id)
	return ask
}

// Cancel does what the button of the progress widget with that id does. The session host calls it for the front end; it does not wait for
// what the owner of the bar does then.
func Cancel(id string) error {
	ask := cancellable.take(id)
	if ask == nil {
		return fmt.Errorf("there is nothing to cancel: the progress %q has ended, was cancelled before, or belongs to an earlier session", id)
	}
	ask()
	return nil
}
