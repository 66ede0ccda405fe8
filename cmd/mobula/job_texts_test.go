package main

import (
	"bytes"
	"testing"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/sched"
	"mobula/internal/filestore"
	"mobula/internal/golden"
	"mobula/internal/id"
	"mobula/jobs"
)

// TestJobTexts: how jobs are shown to people, whatever their names and messages hold.
func TestJobTexts(t *testing.T) {
	code := 3
	driver := named[id.Job](5)
	all := []jobs.Job{
		{ID: "waits", State: jobs.Pending, Message: "needs license; all of it is taken", Entrypoint: []string{"./train", "-x", "a b", "it's"}, Created: at(0).UnixMilli(), Resources: sched.Resources{CPU: sched.One}},
		{
			ID: "runs", Name: "night\x1b[31mly", State: jobs.Running, Stopping: true, Entrypoint: []string{"sh", "-c", "sleep 1"}, Env: []string{"A", "B"}, Metadata: map[string]string{"team": "red"}, Created: at(1).UnixMilli(),
			Attempts: []jobs.Attempt{{Number: 1, Node: named[id.Node](1), NodeName: "first", PID: 7, Placed: at(1).UnixMilli(), Started: at(2).UnixMilli(), Drivers: []id.Job{driver}}},
		},
		{
			ID: "failed", State: jobs.Failed, Message: "exited with status 3\nlast\x1b[2J lines\nof it", ExitCode: &code, Entrypoint: []string{"x"}, Created: at(1).UnixMilli(), Ended: at(6).UnixMilli(), Retries: 1,
			Outputs: []headwire.JobFile{{Name: "out.ipynb", Ref: filestore.Ref{Size: 2048}}},
			Attempts: []jobs.Attempt{
				{Number: 1, Node: named[id.Node](1), Placed: at(1).UnixMilli(), Ended: at(2).UnixMilli(), Message: "start x: it is a folder"},
				{Number: 2, Node: named[id.Node](2), NodeName: "b", PID: 8, Placed: at(3).UnixMilli(), Started: at(4).UnixMilli(), Ended: at(6).UnixMilli(), ExitCode: &code, Message: "exited with status 3\nlast lines"},
			},
		},
	}
	var text bytes.Buffer
	list := &table{columns: submittedKind.columns}
	for i, j := range all {
		if err := writeJob(&text, j, at(9)); err != nil {
			t.Error(err)
		}
		text.WriteString("\n")
		row := inspect.Job{Ref: j.ID, Kind: inspect.JobSubmitted, Submitted: &all[i], JobInfo: headwire.JobInfo{JobSpec: headwire.JobSpec{Name: j.Name}, State: j.State, Created: j.Created, Message: j.Message}}
		if j.ID == "runs" {
			for n := range byte(5) {
				row.Drivers = append(row.Drivers, headwire.JobInfo{JobSpec: headwire.JobSpec{ID: named[id.Job](n)}})
			}
		}
		list.add(row, jobCells(row, at(9))...)
	}
	own := inspect.Job{Ref: driver.String(), Kind: inspect.JobDriver, JobInfo: headwire.JobInfo{JobSpec: headwire.JobSpec{ID: driver, Name: "nb", PID: 4}, State: "running", Created: at(3).UnixMilli()}}
	list.add(own, jobCells(own, at(9))...)
	if err := list.write(&text, asTable, 0); err != nil {
		t.Error(err)
	}
	golden.Compare(t, "testdata/jobs.txt", text.String())
}

func TestWordsForAShell(t *testing.T) {
	for want, words := range map[string][]string{
		"./train -epochs 3 --x=y":     {"./train", "-epochs", "3", "--x=y"},
		`sh -c 'a && b' '' 'it'\''s'`: {"sh", "-c", "a && b", "", "it's"},
	} {
		if got := commandLine(words); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
