package widgets

import (
	"encoding/json"
	"strconv"
	"time"

	"mobula/display"
	"mobula/internal/bytesize"
)

const maxThings = 1000 // actors or objects that are sent to a front end

// Actors are the actors of a cluster, or some of them.
type Actors struct {
	Title   string    `json:"title"`
	Actors  []Actor   `json:"actors"`
	Omitted int       `json:"omitted,omitempty"`
	Updated time.Time `json:"updated,omitzero"`
}

// Actor is one actor.
type Actor struct {
	ID       string    `json:"id"`
	Name     string    `json:"name,omitempty"`
	Class    string    `json:"class,omitempty"`
	State    string    `json:"state"`
	Node     string    `json:"node,omitempty"`
	Worker   string    `json:"worker,omitempty"`
	Restarts int       `json:"restarts,omitempty"`
	Detached bool      `json:"detached,omitempty"` // it outlives its driver
	Created  time.Time `json:"created,omitzero"`
	Reason   string    `json:"reason,omitempty"` // why it is not alive
}

// JSON is the state for front ends, as widgets/schema/actors.json describes it.
func (a Actors) JSON() json.RawMessage {
	a.Title = clip(a.Title, maxName)
	all, omitted := make([]Actor, len(a.Actors)), a.Omitted
	for i, actor := range a.Actors {
		actor.Name, actor.Class, actor.Reason = clip(actor.Name, maxName), clip(actor.Class, maxName), clip(actor.Reason, maxName)
		all[i] = actor
	}
	return fit(min(len(all), maxThings), func(n int) any {
		a.Actors, a.Omitted = all[:n], omitted+len(all)-n
		return a
	})
}

// Display shows the actors.
func (a Actors) Display() display.Bundle {
	var rows [][]string
	for _, x := range a.Actors {
		rows = append(rows, []string{x.ID, x.Name, x.Class, x.State, x.Node, strconv.Itoa(x.Restarts), x.Reason})
	}
	g := grid([]string{"actor", "name", "class", "state", "node", "restarts", "reason"}, "lllllrl", rows, 20)
	g.MoreRows += a.Omitted
	g.Caption = clip(joined(": ", a.Title, counted(len(a.Actors)+a.Omitted, "actor")), maxName)
	return bundle("actors", a.JSON(), g.HTML(), g.Text())
}

// Objects are the objects in the stores of a cluster, or some of them.
type Objects struct {
	Title   string    `json:"title"`
	Objects []Object  `json:"objects"`
	Omitted int       `json:"omitted,omitempty"`
	Bytes   int64     `json:"bytes"` // of all, also of those that are left out
	Store   *Store    `json:"store,omitempty"`
	Updated time.Time `json:"updated,omitzero"`
}

// Object is one object at one node.
type Object struct {
	ID    string `json:"id"`
	Node  string `json:"node,omitempty"`
	Size  int64  `json:"size"` // bytes
	State string `json:"state"`
	Refs  int    `json:"refs"`
	Pins  int    `json:"pins"` // by readers
	Owner string `json:"owner,omitempty"`
}

// JSON is the state for front ends, as widgets/schema/objects.json describes it.
func (o Objects) JSON() json.RawMessage {
	o.Title = clip(o.Title, maxName)
	all, omitted := list(o.Objects), o.Omitted
	return fit(min(len(all), maxThings), func(n int) any {
		o.Objects, o.Omitted = all[:n], omitted+len(all)-n
		return o
	})
}

// Display shows the objects.
func (o Objects) Display() display.Bundle {
	var rows [][]string
	for _, x := range o.Objects {
		rows = append(rows, []string{x.ID, x.Node, bytesize.Format(x.Size), x.State, strconv.Itoa(x.Refs), strconv.Itoa(x.Pins), x.Owner})
	}
	g := grid([]string{"object", "node", "size", "state", "refs", "pins", "owner"}, "llrlrrl", rows, 20)
	g.MoreRows += o.Omitted
	store := ""
	if o.Store != nil {
		store = "store: " + o.Store.String()
	}
	count := counted(len(o.Objects)+o.Omitted, "object") + " of " + bytesize.Format(o.Bytes)
	g.Caption = clip(joined("; ", joined(": ", o.Title, count), store), maxName)
	return bundle("objects", o.JSON(), g.HTML(), g.Text())
}
