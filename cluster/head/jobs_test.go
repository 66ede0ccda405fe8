package head

import (
	"testing"

	"mobula/cluster/headwire"
	"mobula/internal/id"
)

// TestUnknownEndOfJob: what nobody knows is no end.
func TestUnknownEndOfJob(t *testing.T) {
	c := inside(t, start(t, Config{}))
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	for _, state := range []string{"running", "Failed", "gone"} {
		refusedAs(t, c, headwire.EndJob, headwire.JobEnd{ID: job, State: state}, headwire.Invalid)
	}
	if all := ask(t, c, headwire.ListJobs, headwire.None{}); len(all) != 1 || all[0].State != "running" {
		t.Errorf("%+v", all)
	}
	ask(t, c, headwire.EndJob, headwire.JobEnd{ID: job})
	if all := ask(t, c, headwire.ListJobs, headwire.None{}); all[0].State != "stopped" {
		t.Errorf("%+v", all)
	}
}
