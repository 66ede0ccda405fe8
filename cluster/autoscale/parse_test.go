package autoscale

import (
	"strings"
	"testing"

	"mobula/cluster/sched"
)

func TestParse(t *testing.T) {
	g, err := ParseGroup("gpu=1..8,cpus=4,gpus=2,memory=1GiB,resource.license=1,label.zone=eu")
	want := sched.Resources{CPU: sched.Whole(4), GPU: sched.Whole(2), Memory: 1 << 30, Custom: map[string]sched.Amount{"license": sched.One}}
	if err != nil || g.Name != "gpu" || g.Min != 1 || g.Max != 8 || !g.Resources.Equal(want) || g.Labels["zone"] != "eu" {
		t.Error(g, err)
	}
	for text, says := range map[string]string{
		"":                         "is no group",
		"small":                    "is no group",
		"small=3,cpus=1":           "is no group",
		"sm all=0..1,cpus=1":       "is no group",
		"small=2..1,cpus=1":        "no bounds",
		"small=0..0,cpus=1":        "no bounds",
		"small=-1..1,cpus=1":       "no bounds",
		"small=0..99999,cpus=1":    "no bounds",
		"small=0..1":               "nothing",
		"small=0..1,cpus":          "NAME=VALUE",
		"small=0..1,cpus=1,cpus=2": "twice",
		"small=0..1,cpu=1":         "is written",
		"small=0..1,cpus=x":        "cpus: quantity",
		"small=0..1,gpus=0.5":      "whole ones",
		"small=0..1,resource.=1":   "is written",
	} {
		if _, err := ParseGroup(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if _, err := ParseGroups([]string{"a=0..1,cpus=1", "a=0..2,cpus=1"}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
	if all, err := ParseGroups([]string{"a=0..1,cpus=1", "b=0..2,cpus=1"}); err != nil || len(all) != 2 {
		t.Error(all, err)
	}
}
