package gpu

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func ok(i int, id string) GPU {
	return GPU{Index: i, ID: id, Name: "H100", Health: Health{State: OK}}
}

func sick(i int, id string, s State, why string) GPU {
	return GPU{Index: i, ID: id, Name: "H100", Health: Health{s, []string{why}}}
}

func listed(gpus ...GPU) Report { return Report{GPUs: gpus} }

func TestChanges(t *testing.T) {
	a, b := ok(0, "GPU-a"), ok(1, "GPU-b")
	hung := Failure(sourceNVML, Hung, "it hung")
	type step struct {
		report Report
		want   []Change
	}
	for _, tt := range []struct {
		name  string
		first Report
		steps []step
	}{
		{"lost and found", listed(a, b), []step{
			{listed(a, b), nil},
			{listed(a, sick(1, "GPU-b", Lost, "Xid")), []Change{{"GPU-b", WasLost, "Xid"}}},
			{listed(a, sick(1, "GPU-b", Lost, "Xid, and more")), nil},
			{listed(a, b), []Change{{"GPU-b", WasFound, ""}}},
		}},
		{"numbers shift", listed(a, b), []step{
			{listed(ok(0, "GPU-b")), []Change{{"GPU-a", WasLost, "the driver does not list it any more"}}},
		}},
		{"it cannot tell its uuid", listed(a, b), []step{
			{listed(a, sick(1, "", Lost, "off the bus")), []Change{{"GPU-b", WasLost, "off the bus"}}},
		}},
		{"degraded", listed(a), []step{
			{listed(sick(0, "GPU-a", Degraded, "1 error")), []Change{{"GPU-a", WasDegraded, "1 error"}}},
			{listed(sick(0, "GPU-a", Degraded, "1 error")), nil},
			{listed(sick(0, "GPU-a", Degraded, "2 errors")), []Change{{"GPU-a", WasDegraded, "2 errors"}}},
			{listed(sick(0, "GPU-a", Lost, "dead")), []Change{{"GPU-a", WasLost, "dead"}}},
			{listed(sick(0, "GPU-a", Degraded, "2 errors")), []Change{{"GPU-a", WasFound, "2 errors"}}},
			{listed(a), []Change{{"GPU-a", Recovered, ""}}},
		}},
		{"one look that fails", listed(a), []step{{hung, nil}, {listed(a), nil}, {hung, nil}, {listed(a), nil}}},
		{"looks that fail", listed(a, b), []step{
			{hung, nil},
			{hung, []Change{{"GPU-a", WasLost, "it hung"}, {"GPU-b", WasLost, "it hung"}}},
			{hung, nil},
			{listed(a, b), []Change{{"GPU-a", WasFound, ""}, {"GPU-b", WasFound, ""}}},
		}},
		{"one more", listed(a), []step{
			{listed(a, b), []Change{{"GPU-b", Appeared, "H100 was not there when the node started"}}},
			{listed(a), nil},
			{listed(a, b), nil},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTracker(tt.first.Units(), tt.first)
			for i, s := range tt.steps {
				if got := tr.next(s.report); !reflect.DeepEqual(got, s.want) {
					t.Errorf("step %d: %+v, want %+v", i, got, s.want)
				}
			}
		})
	}
}

func TestWithheldGPUsAreNobodysNews(t *testing.T) {
	first := listed(ok(0, "GPU-a"), ok(1, "GPU-b"))
	tr := newTracker(first.Units()[:1], first)
	if got := tr.next(listed(ok(0, "GPU-a"), sick(1, "GPU-b", Lost, "dead"))); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestWatchInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := listed(ok(0, "GPU-a"))
		began := time.Now()
		var looks []time.Duration
		inv := &Inventory{Report: first, Units: first.Units(), look: func(context.Context) Report {
			looks = append(looks, time.Since(began))
			return listed(sick(0, "GPU-a", Lost, "dead"))
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		told := 0
		inv.Watch(ctx, 0, func(c Change) {
			if told++; c != (Change{"GPU-a", WasLost, "dead"}) {
				t.Errorf("%+v", c)
			}
		})
		if want := []time.Duration{Interval, 2 * Interval, 3 * Interval}; told != 1 || !reflect.DeepEqual(looks, want) || time.Since(began) != 100*time.Second {
			t.Errorf("looked at %v, told %d changes, ended after %v", looks, told, time.Since(began))
		}
	})
}
