package gpu

import "fmt"

// Report is what one look at the machine's GPUs has found.
type Report struct {
	Source  string   `json:"source,omitempty"` // nvml or nvidia-smi
	Driver  string   `json:"driver,omitempty"` // its version
	GPUs    []GPU    `json:"gpus"`
	Problem *Problem `json:"problem,omitempty"` // why no GPU is listed
}

// GPU is one of the machine's.
type GPU struct {
	Index     int        `json:"index"`        // of NVML
	ID        string     `json:"id,omitempty"` // its uuid, "GPU-..."; empty where a lost one cannot even tell that
	Name      string     `json:"name,omitempty"`
	Memory    Memory     `json:"memory"`
	MIG       bool       `json:"mig,omitzero"` // it is cut into instances, which are used in its place
	Instances []Instance `json:"instances,omitempty"`
	Health    Health     `json:"health"`
}

// Instance is a part of a GPU (Multi-Instance GPU).
type Instance struct {
	Index  int    `json:"index"` // on its GPU
	ID     string `json:"id"`    // its uuid, "MIG-..."
	Name   string `json:"name,omitempty"`
	Memory Memory `json:"memory"`
}

// Memory is in bytes.
type Memory struct {
	Total int64 `json:"total,omitzero"`
	Free  int64 `json:"free,omitzero"`
}

// State says whether a GPU can be used.
type State string

// The states of a GPU.
const (
	OK       State = "ok"
	Degraded State = "degraded" // it works, and needs somebody's attention
	Lost     State = "lost"     // it cannot be used
)

// Health is a GPU's state and what speaks against it.
type Health struct {
	State   State    `json:"state"`
	Reasons []string `json:"reasons,omitempty"`
}

// Worsen adds a reason for a state that is at least as bad as s.
func (h *Health) Worsen(s State, format string, args ...any) {
	if h.State != Lost {
		h.State = s
	}
	h.Reasons = append(h.Reasons, fmt.Sprintf(format, args...))
}

// Cause is a kind of Problem.
type Cause string

// Why there may be no GPUs.
const (
	NoLibrary    Cause = "no library"
	NoDriver     Cause = "no driver"
	NoPermission Cause = "no permission"
	NoGPU        Cause = "no gpu"
	NotBuilt     Cause = "not built" // the probe was built without NVML
	Crashed      Cause = "crashed"   // the probe's process
	Hung         Cause = "hung"
	Failed       Cause = "failed" // anything else
)

// Problem is why no GPUs are found.
type Problem struct {
	Cause Cause  `json:"cause"`
	Text  string `json:"text"` // one line
}

// Error is the text.
func (p *Problem) Error() string { return p.Text }

// Failure is the report of a source that cannot list GPUs.
func Failure(source string, cause Cause, format string, args ...any) Report {
	return Report{Source: source, GPUs: []GPU{}, Problem: &Problem{cause, fmt.Sprintf(format, args...)}}
}

// Unit is what work can be given: a GPU, or an instance of one.
type Unit struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	GPU    int    `json:"gpu"` // GPU.Index
	Memory Memory `json:"memory"`
	Health Health `json:"health"`
}

// Units returns what of the GPU can be given to work. One that has no uuid cannot be named, and so not be used.
func (g *GPU) Units() []Unit {
	if !g.MIG {
		if g.ID == "" {
			return nil
		}
		return []Unit{{g.ID, g.Name, g.Index, g.Memory, g.Health}}
	}
	units := make([]Unit, 0, len(g.Instances))
	for _, in := range g.Instances {
		units = append(units, Unit{in.ID, in.Name, g.Index, in.Memory, g.Health})
	}
	return units
}

// Units returns what of all GPUs can be given to work.
func (r *Report) Units() []Unit {
	var units []Unit
	for i := range r.GPUs {
		units = append(units, r.GPUs[i].Units()...)
	}
	return units
}
