package notebook

import (
	"encoding/json"
	"time"
)

// jsonValue is a value as JSON.
type jsonValue = json.RawMessage

// Status is how far a cell is, in its metadata.papermill.
type Status string

// The states of cells.
const (
	Pending   Status = "pending"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
)

// Run tells metadata.papermill what a run is.
type Run struct {
	Input, Output string // paths as they were given
	Version       string // of the program that runs the notebook
}

// papermill returns the notebook's metadata.papermill, or what papermill begins with.
func (nb *Notebook) papermill() Object {
	var pm Object
	if !nb.Metadata.Decode("papermill", &pm) || pm.Len() == 0 {
		pm = object("default_parameters", Object{}, "environment_variables", Object{}, "parameters", Object{})
	}
	return pm
}

// Prepare notes a run that may begin, and takes out what an earlier one by papermill has left to mark an error.
func (nb *Notebook) Prepare(r Run) {
	var cells []*Cell
	for _, c := range nb.Cells {
		if !c.HasTag(tagErrorMarker) {
			cells = append(cells, c)
		}
	}
	nb.Cells = cells
	pm := nb.papermill()
	pm.Set("input_path", r.Input)
	pm.Set("output_path", r.Output)
	pm.Set("version", r.Version)
	nb.Metadata.Set("papermill", pm)
}

// Begin notes the begin of a run. All cells are pending, and the outputs of code cells that will run are gone.
func (nb *Notebook) Begin(now time.Time) {
	pm := nb.papermill()
	pm.Set("start_time", stamp(now))
	for _, key := range []string{"end_time", "duration", "exception"} {
		pm.Set(key, nil)
	}
	nb.Metadata.Set("papermill", pm)
	for _, c := range nb.Cells {
		c.Metadata.Set("papermill", object("duration", nil, "end_time", nil, "exception", nil, "start_time", nil, "status", Pending))
		if c.Kind == Code && !c.HasTag(TagSkipExecution) {
			c.ExecutionCount, c.Outputs = nil, nil
		}
	}
}

// End notes the end of a run that began at begin.
func (nb *Notebook) End(begin, now time.Time) {
	pm := nb.papermill()
	pm.Set("end_time", stamp(now))
	pm.Set("duration", seconds(now.Sub(begin)))
	nb.Metadata.Set("papermill", pm)
}

// BeginCell notes that a cell runs.
func (c *Cell) BeginCell(now time.Time) {
	c.note("start_time", stamp(now), "exception", false, "status", Running)
}

// EndCell notes that a cell, which began at begin, has ended.
func (nb *Notebook) EndCell(c *Cell, begin, now time.Time, failed bool) {
	status := Completed
	if failed {
		status = Failed
		pm := nb.papermill()
		pm.Set("exception", true)
		nb.Metadata.Set("papermill", pm)
	}
	c.note("end_time", stamp(now), "duration", seconds(now.Sub(begin)), "exception", failed, "status", status)
}

func (c *Cell) note(pairs ...any) {
	var pm Object
	c.Metadata.Decode("papermill", &pm)
	for i := 0; i+1 < len(pairs); i += 2 {
		pm.Set(pairs[i].(string), pairs[i+1])
	}
	c.Metadata.Set("papermill", pm)
}

// stamp is a time as Python's isoformat writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000-07:00") }

func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }
