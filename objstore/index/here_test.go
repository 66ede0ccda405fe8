package index

import (
	"errors"
	"testing"

	"mobula/objstore"
)

// TestGetHere: who does not wait is answered at once, whatever the state, but for what is on its way from disk.
func TestGetHere(t *testing.T) {
	s := newScript(t, Config{})
	answer := func(id objstore.ID) Decision {
		t.Helper()
		s.GetHere(2, 9, id)
		all := s.Take()
		if len(all) != 1 {
			t.Fatalf("object %s: %s", id, show(all))
		}
		return all[0]
	}
	lost := func(what string, id objstore.ID) {
		t.Helper()
		f, ok := answer(id).(Fail)
		if _, is := errors.AsType[*objstore.LostError](f.Err); !ok || !is {
			t.Errorf("%s: %+v", what, f)
		}
	}
	lost("unknown", name(1))
	s.Get(1, 1, name(2))
	s.AddRef(1, name(2), 1)
	lost("waited for", name(2))
	s.Create(Request{Client: 1, Seq: 2, Bytes: big, Object: name(3), Owner: objstore.Owner{Job: "j"}})
	made := s.Take()[0].(NewSegment)
	s.SegmentReady(made.ID, nil)
	s.Take()
	if got := s.Info(name(3)); got.State != objstore.Writing || got.Owner.Job != "j" {
		t.Errorf("%+v", got)
	}
	lost("unfinished", name(3))
	if _, err := s.Seal(1, Sealed{ID: name(3), Place: Place{made.ID, 0, big}, Owner: objstore.Owner{Job: "j"}, Retire: true}); err != nil {
		t.Fatal(err)
	}
	s.Take()
	if d, ok := answer(name(3)).(Deliver); !ok || d.Place.Size != big {
		t.Errorf("%+v", d)
	}
	s.Free(name(3))
	if got := s.Info(name(3)); got.State != objstore.Absent {
		t.Errorf("freed, and a reader has it: %+v", got)
	}
	s.Take()
	f, ok := answer(name(3)).(Fail)
	if _, freed := errors.AsType[*objstore.FreedError](f.Err); !ok || !freed {
		t.Errorf("%+v", f)
	}
}
