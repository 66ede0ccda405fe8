package sched

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"

	"mobula/internal/id"
)

func TestAmount(t *testing.T) {
	for text, want := range map[string]Amount{"0": 0, "1": One, "0.5": One / 2, "2.0001": 2*One + 1, "-1.25": -12500, "007": 7 * One, "0.10": 1000} {
		if got, err := ParseAmount(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "1.00001", "1e3", "+1", "--1", "x", "٣", "922337203685478"} {
		_, err := ParseAmount(text)
		if e, ok := errors.AsType[*QuantityError](err); !ok || e.Want == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for a, want := range map[Amount]string{1: "0.0001", -1: "-0.0001", 12500: "1.25", Whole(100): "100", math.MinInt64: "-922337203685477.5808"} {
		if a.String() != want {
			t.Errorf("%d is %s", a, a)
		}
	}
}

func TestAmountOf(t *testing.T) {
	for f, want := range map[float64]Amount{0: 0, 0.1: 1000, 0.3: 3000, 1.0 / 3: 3333, -2: -2 * One} {
		if got, err := AmountOf(f); err != nil || got != want {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), 1e300, 1e-9} {
		if _, err := AmountOf(f); err == nil {
			t.Errorf("%v is an amount", f)
		}
	}
}

func TestResourcesJSON(t *testing.T) {
	in := Resources{CPU: One / 2, GPU: One, Memory: 5, Custom: map[string]Amount{"fpga": One}}
	data, err := json.Marshal(in)
	if err != nil || string(data) != `{"cpu":"0.5","gpu":"1","memory":5,"custom":{"fpga":"1"}}` {
		t.Errorf("%s, %v", data, err)
	}
	var out Resources
	if err := json.Unmarshal(data, &out); err != nil || !out.Equal(in) || out.Equal(Resources{}) {
		t.Errorf("%v, %v", out, err)
	}
	if sum := in.Plus(in); sum.Custom["fpga"] != 2*One || in.Custom["fpga"] != One || sum.IsZero() {
		t.Errorf("%v", sum)
	}
	if !(Resources{Custom: map[string]Amount{"x": 0}}).IsZero() || (Resources{}).String() != "nothing" {
		t.Error("a quantity of 0 is something")
	}
}

func TestNames(t *testing.T) {
	if Pack.String() != "Pack" || SpreadStrictly.String() != "SpreadStrictly" || GroupStrategy(9).String() != "unknown" {
		t.Error("names of group strategies")
	}
	if Draining.String() != "draining" || NodeState(-1).String() != "unknown" {
		t.Error("names of node states")
	}
	if _, err := ParseGroupStrategy("pack"); err == nil || err.Error() != `option strategy is "pack": it must be Pack, SpreadOut, PackStrictly or SpreadStrictly` {
		t.Error(err)
	}
}

func TestInherit(t *testing.T) {
	group := InGroup(id.PlacementGroup{ID: id.ID{1}}, 2, true)
	if got := group.Inherit(Strategy{}); got != InGroup(group.Group, AnyBundle, true) {
		t.Errorf("a child of a capturing group gets %+v", got)
	}
	group.CaptureChild = false
	if got := group.Inherit(Strategy{}); got != (Strategy{}) {
		t.Errorf("a child of a group that does not capture gets %+v", got)
	}
	if got := group.Inherit(Strategy{Kind: Spread}); got.Kind != Spread {
		t.Errorf("a child's own strategy became %+v", got)
	}
}

func FuzzAmount(f *testing.F) {
	f.Add("0.5")
	f.Add("-12.3400")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAmount(text)
		if err != nil {
			return
		}
		if again, err := ParseAmount(a.String()); err != nil || again != a {
			t.Errorf("%q is %v, then %v, %v", text, a, again, err)
		}
	})
}

func FuzzSelector(f *testing.F) {
	f.Add("zone=eu, disk!=hdd, gpu in (a100, h100), tier not in (spot)")
	f.Add("not=in, in in (in)")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		again, err := ParseSelector(s.String())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%q is %q, then %q, %v", text, s, again, err)
		}
		if len(s.mistakes("labels")) > 0 {
			t.Errorf("%q was read and is not valid: %v", text, s.mistakes("labels"))
		}
	})
}
