package head

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/internal/eventually"
	"mobula/internal/filestore"
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

// TestAttemptIsGivenOnce: a node that refuses an attempt is asked again, one that has taken it on is not, and one that never heard of it is asked when
// it connects again.
func TestAttemptIsGivenOnce(t *testing.T) {
	dir := t.TempDir()
	h := start(t, Config{Dir: dir, Log: onDisk(dir)})
	c := inside(t, h)
	n := joinNode(t, "a", unixDial(dir), nil)
	read(n, func() error { n.refuse = headwire.Errorf(headwire.Unavailable, "no room for it"); return nil })
	ask(t, c, headwire.SubmitJob, headwire.JobSubmission{ID: "job", Key: "k", Entrypoint: []string{"x"}, Env: map[string]string{"A": "b"}, Retries: 1})
	ask(t, c, headwire.SubmitJob, headwire.JobSubmission{ID: "job", Key: "k", Entrypoint: []string{"x"}})
	eventually.Holds(t, "why it waits is told", func() bool {
		return strings.Contains(ask(t, c, headwire.GetSubmitted, headwire.JobRef{ID: "job"}).Message, "no room for it")
	})
	read(n, func() error { n.refuse = nil; n.deaf = true; return nil })
	life := headwire.JobLife{ID: "job", Attempt: 1}
	eventually.Holds(t, "it is asked", func() bool { return read(n, func() bool { return n.asked > 0 }) })
	if err := h.Close(); err != nil { // before the node has answered
		t.Fatal(err)
	}
	read(n, func() error { n.deaf = false; return nil })
	h = start(t, Config{Dir: dir, Log: onDisk(dir)})
	c = inside(t, h)
	eventually.Holds(t, "it is asked again", func() bool { return read(n, func() bool { return len(n.jobs) == 1 && n.jobs[0].JobLife == life }) })
	run := read(n, func() headwire.JobRun { return n.jobs[0] })
	if run.Env["A"] != "b" || !run.Retried {
		t.Errorf("%+v", run)
	}
	ask(t, n.client, headwire.JobStarted, headwire.JobBegun{JobLife: life, PID: 7})
	if j := ask(t, c, headwire.GetSubmitted, headwire.JobRef{ID: "job"}); j.State != "running" || len(j.Attempts) != 1 {
		t.Errorf("%+v", j)
	}
	// A head that restarts finds it on its node, and leaves it there; a stop while it was away is told.
	read(n, func() error {
		n.hello.Jobs = []headwire.JobLife{life, {ID: "of another cluster", Attempt: 3}}
		n.welcome = headwire.NodeWelcome{}
		return nil
	})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = start(t, Config{Dir: dir, Log: onDisk(dir)})
	c = inside(t, h)
	eventually.Holds(t, "the node is back", func() bool { return read(n, func() bool { return n.welcome.Cluster != "" }) })
	if keep := read(n, func() []headwire.JobKeep { return n.welcome.Jobs }); len(keep) != 1 || keep[0] != (headwire.JobKeep{JobLife: life}) {
		t.Errorf("it keeps %+v", keep)
	}
	ask(t, c, headwire.StopSubmitted, headwire.JobRef{ID: "job"})
	eventually.Holds(t, "it is told to stop it", func() bool { return read(n, func() bool { return slices.Contains(n.stoppedJobs, life) }) })
	code := 0
	for range 2 { // said again it changes nothing
		ask(t, n.client, headwire.JobEnded, headwire.JobOver{JobLife: life, ExitCode: &code, Message: "exited with status 0"})
	}
	if j := ask(t, c, headwire.WaitSubmitted, headwire.JobWait{ID: "job"}); j.State != "stopped" {
		t.Errorf("%+v", j)
	}
	if read(n, func() int { return len(n.jobs) }) != 1 {
		t.Errorf("it was run %d times", len(n.jobs))
	}
	// One that its node has lost does not run for ever.
	ask(t, c, headwire.SubmitJob, headwire.JobSubmission{ID: "lost", Key: "k", Entrypoint: []string{"x"}})
	eventually.Holds(t, "it is given to the node", func() bool { return read(n, func() bool { return len(n.jobs) == 2 }) })
	ask(t, n.client, headwire.JobStarted, headwire.JobBegun{JobLife: headwire.JobLife{ID: "lost", Attempt: 1}, PID: 8})
	read(n, func() error { n.hello.Jobs = nil; return nil })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = start(t, Config{Dir: dir, Log: onDisk(dir)})
	c = inside(t, h)
	if j := ask(t, c, headwire.WaitSubmitted, headwire.JobWait{ID: "lost"}); j.State != "failed" || !strings.Contains(j.Message, "does not have it any more") {
		t.Errorf("%+v", j)
	}
}

// TestFilesOfClients: what is sent is checked, and who asks for what is not there hears so.
func TestFilesOfClients(t *testing.T) {
	c := inside(t, start(t, Config{}))
	content := []byte("content")
	ref := filestore.RefOf(content)
	refusedAs(t, c, headwire.SubmitJob, headwire.JobSubmission{ID: "job", Key: "k", Entrypoint: []string{"x"}, Files: &ref}, headwire.NotFound)
	refusedAs(t, c, headwire.PutFile, headwire.FilePart{Ref: filestore.Ref{Sum: "../../x", Size: 1}, Data: []byte("x")}, headwire.Invalid)
	refusedAs(t, c, headwire.HaveFile, filestore.Ref{Sum: ref.Sum, Size: 1 << 40}, headwire.Invalid)
	refusedAs(t, c, headwire.PutFile, headwire.FilePart{Ref: ref, Data: []byte("damaged")}, headwire.Invalid)
	refusedAs(t, c, headwire.ReadFile, headwire.FileRange{Sum: ref.Sum}, headwire.NotFound)
	if err := headclient.SendFile(t.Context(), c, ref, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if err := headclient.FetchFile(t.Context(), c, ref, &back); err != nil || back.String() != "content" {
		t.Errorf("%q, %v", back.String(), err)
	}
	empty := filestore.RefOf(nil)
	if err := headclient.SendFile(t.Context(), c, empty, bytes.NewReader(nil)); err != nil {
		t.Error(err)
	}
	longer := filestore.RefOf([]byte("content and more"))
	if err := headclient.SendFile(t.Context(), c, longer, bytes.NewReader(content)); err == nil {
		t.Error("a file that is cut off is taken")
	}
	j := ask(t, c, headwire.SubmitJob, headwire.JobSubmission{ID: "job", Key: "k", Entrypoint: []string{"x"}, Files: &ref, Resources: cpus(99)})
	if j.State != "pending" {
		t.Errorf("%+v", j)
	}
}
