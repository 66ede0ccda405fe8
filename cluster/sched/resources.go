package sched

import (
	"maps"
	"slices"
	"strings"

	"mobula/internal/bytesize"
)

// Names of the resources that every node may have. Other names are custom.
const (
	CPU    = "cpu"
	GPU    = "gpu"
	Memory = "memory"
)

// Resources is a set of quantities: what a node has, or what a request needs.
type Resources struct {
	CPU    Amount            `json:"cpu,omitzero"`
	GPU    Amount            `json:"gpu,omitzero"`    // devices; below 1 a share of one device
	Memory int64             `json:"memory,omitzero"` // bytes
	Custom map[string]Amount `json:"custom,omitempty"`
}

// IsZero reports whether nothing is in the set.
func (r Resources) IsZero() bool {
	for _, a := range r.Custom {
		if a != 0 {
			return false
		}
	}
	return r.CPU == 0 && r.GPU == 0 && r.Memory == 0
}

// Equal reports whether both sets hold the same.
func (r Resources) Equal(other Resources) bool {
	other = other.clone()
	other.subtract(r)
	return other.IsZero()
}

// Plus returns the sum of both sets.
func (r Resources) Plus(other Resources) Resources {
	sum := r.clone()
	sum.add(other)
	return sum
}

func (r Resources) clone() Resources {
	r.Custom = maps.Clone(r.Custom)
	return r
}

func (r *Resources) add(other Resources) {
	r.CPU += other.CPU
	r.GPU += other.GPU
	r.Memory += other.Memory
	for name, a := range other.Custom {
		r.custom()[name] += a
	}
}

func (r *Resources) subtract(other Resources) {
	r.CPU -= other.CPU
	r.GPU -= other.GPU
	r.Memory -= other.Memory
	for name, a := range other.Custom {
		r.custom()[name] -= a
	}
}

func (r *Resources) custom() map[string]Amount {
	if r.Custom == nil {
		r.Custom = map[string]Amount{}
	}
	return r.Custom
}

// Get returns the quantity of one resource: bytes of memory, 1/10,000 units of any other.
func (r Resources) Get(name string) int64 {
	switch name {
	case CPU:
		return int64(r.CPU)
	case GPU:
		return int64(r.GPU)
	case Memory:
		return r.Memory
	}
	return int64(r.Custom[name])
}

// Names returns the names of what is in the set, the scarcest kinds first: gpu, custom ones by name, memory, cpu.
func (r Resources) Names() []string {
	names := make([]string, 0, 3+len(r.Custom))
	if r.GPU != 0 {
		names = append(names, GPU)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Custom)) {
		if r.Custom[name] != 0 {
			names = append(names, name)
		}
	}
	if r.Memory != 0 {
		names = append(names, Memory)
	}
	if r.CPU != 0 {
		names = append(names, CPU)
	}
	return names
}

// String lists the set for people: "1 GPU, 2 GiB memory and 4 CPU".
func (r Resources) String() string {
	var parts []string
	for _, name := range r.Names() {
		parts = append(parts, quantity(name, r.Get(name)))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return sentence(parts, "and")
}

// quantity writes what Get returned, with the resource's name as people write it.
func quantity(name string, n int64) string {
	if name == Memory {
		return bytesize.Format(n) + " memory"
	}
	return Amount(n).String() + " " + label(name)
}

// number writes what Get returned, without the name.
func number(name string, n int64) string {
	if name == Memory {
		return bytesize.Format(n)
	}
	return Amount(n).String()
}

// label is a resource's name as people write it.
func label(name string) string {
	if name == CPU || name == GPU {
		return strings.ToUpper(name)
	}
	return name
}

// sentence joins words: "a", "a and b", "a, b and c".
func sentence(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + " " + last + " " + words[end]
}
