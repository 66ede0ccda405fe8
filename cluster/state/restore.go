package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// DamagedSnapshot tells that a snapshot cannot be restored. The state is as it was.
type DamagedSnapshot struct {
	What   string
	Offset int
}

// Error says what is wrong and what to do.
func (e *DamagedSnapshot) Error() string {
	return fmt.Sprintf("damaged snapshot at byte %d: %s: use an earlier one, or that of another head", e.Offset, e.What)
}

// NewerSnapshot tells that a snapshot is of a format that this head does not know.
type NewerSnapshot struct{ Format uint32 }

// Error says what to do.
func (e *NewerSnapshot) Error() string {
	return fmt.Sprintf("snapshot of format %d is from a newer head (known here: %d): upgrade this head", e.Format, format)
}

// Restore replaces the state by what a snapshot holds.
func (s *State) Restore(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	v, err := decodeSnapshot(data)
	if err != nil {
		return err
	}
	s.now.Store(v)
	return nil
}

// decoder reads a snapshot, whose digest is right.
type decoder struct {
	data []byte
	at   int
	view View
}

func decodeSnapshot(data []byte) (*View, error) {
	const header = len(magic) + 4 + 8
	d := &decoder{data: data, at: len(magic)}
	switch {
	case len(data) < header || !bytes.HasPrefix(data, []byte(magic)):
		return nil, &DamagedSnapshot{What: "it does not begin as a snapshot does"}
	case binary.BigEndian.Uint32(data[d.at:]) > format:
		return nil, &NewerSnapshot{binary.BigEndian.Uint32(data[d.at:])}
	case binary.BigEndian.Uint32(data[d.at:]) == 0:
		return nil, d.damaged("formats begin with 1")
	case len(data) < header+1+sha256.Size:
		return nil, d.damaged("it is cut off")
	}
	end := len(data) - sha256.Size
	if sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return nil, d.damaged("its digest is wrong")
	}
	d.view.index = binary.BigEndian.Uint64(data[header-8:])
	d.data, d.at = data[:end], header
	if err := d.sections(); err != nil {
		return nil, err
	}
	if err := d.view.derive(); err != nil {
		return nil, d.damaged(err.Error())
	}
	return &d.view, nil
}

func (d *decoder) damaged(what string) error { return &DamagedSnapshot{what, d.at} }

// sections reads all sections, which come in order of their tags.
func (d *decoder) sections() error {
	last := byte(0)
	for {
		if d.at >= len(d.data) {
			return d.damaged("it is cut off")
		}
		tag := d.data[d.at]
		d.at++
		if tag == sectionEnd {
			break
		}
		if tag <= last {
			return d.damaged("sections are not in order")
		}
		last = tag
		if err := d.section(tag); err != nil {
			return err
		}
	}
	if d.at != len(d.data) {
		return d.damaged("something follows the last section")
	}
	return nil
}

func (d *decoder) section(tag byte) (err error) {
	v := &d.view
	switch tag {
	case sectionMeta:
		var metas []*Meta
		if metas, err = records[Meta](d); err == nil && len(metas) != 1 {
			return d.damaged("a cluster is described twice")
		}
		if err == nil {
			v.meta = metas[0]
		}
	case sectionNodes:
		v.nodes, err = read(d, (*Node).key)
	case sectionJobs:
		v.jobs, err = read(d, (*Job).key)
	case sectionGroups:
		v.groups, err = read(d, (*Group).key)
	case sectionActors:
		v.actors, err = read(d, (*Actor).key)
	case sectionKeys:
		v.keys, err = read(d, (*Key).key)
	case sectionUsers:
		v.users, err = read(d, (*User).key)
	case sectionTokens:
		v.tokens, err = read(d, (*Token).key)
	case sectionSubmissions:
		v.submissions, err = read(d, (*Submission).key)
	default:
		return d.damaged(fmt.Sprintf("there is no section %d", tag))
	}
	return err
}

// read reads the records of a table.
func read[K ordered[K], V any](d *decoder, key func(*V) K) (table[K, *V], error) {
	values, err := records[V](d)
	if err != nil {
		return table[K, *V]{}, err
	}
	for i := range values {
		if i > 0 && key(values[i-1]).Compare(key(values[i])) >= 0 {
			return table[K, *V]{}, d.damaged("records are not in order")
		}
	}
	return tableOf(func(yield func(K, *V) bool) {
		for _, value := range values {
			if !yield(key(value), value) {
				return
			}
		}
	}), nil
}

// records reads the records of a section.
func records[V any](d *decoder) (values []*V, err error) {
	for {
		size, n := binary.Uvarint(d.data[d.at:])
		if n <= 0 || size > uint64(len(d.data)-d.at-n) {
			return nil, d.damaged("a record is cut off")
		}
		d.at += n
		if size == 0 {
			return values, nil
		}
		value := new(V)
		if err := strict(d.data[d.at:d.at+int(size)], value); err != nil {
			return nil, d.damaged(err.Error())
		}
		values = append(values, value)
		d.at += int(size)
	}
}

// derive fills the tables that follow from the others.
func (v *View) derive() error {
	for _, a := range v.actors.all() {
		if a.Name == "" || a.State == ActorDead {
			continue
		}
		key := name{a.Namespace, a.Name}
		if _, taken := v.actorNames.get(key); taken {
			return fmt.Errorf("two actors have the name %q", a.Name)
		}
		v.actorNames = v.actorNames.set(key, a.ID)
	}
	for _, g := range v.groups.all() {
		if g.Name == "" || g.State == GroupRemoved {
			continue
		}
		key := name{g.Namespace, g.Name}
		if _, taken := v.groupNames.get(key); taken {
			return fmt.Errorf("two placement groups have the name %q", g.Name)
		}
		v.groupNames = v.groupNames.set(key, g.ID)
	}
	return nil
}
