package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Variables that bound what a process may use.
const (
	envCUDA   = "CUDA_VISIBLE_DEVICES"
	envNVIDIA = "NVIDIA_VISIBLE_DEVICES"
	envOrder  = "CUDA_DEVICE_ORDER"
)

// limits are the bounds in a process's environment. Their zero value is none.
type limits struct {
	cuda, nvidia *string // nil: not set
	busOrder     bool    // CUDA counts as NVML does
}

// limitsOf reads them by os.LookupEnv, or what stands for it.
func limitsOf(lookup func(name string) (string, bool)) limits {
	var l limits
	if v, ok := lookup(envCUDA); ok {
		l.cuda = &v
	}
	if v, ok := lookup(envNVIDIA); ok {
		l.nvidia = &v
	}
	order, _ := lookup(envOrder)
	l.busOrder = order == "PCI_BUS_ID"
	return l
}

// apply returns what may be offered, in CUDA's order, and what the user should know about it.
func (l limits) apply(gpus []GPU) (units []Unit, notes []string) {
	allowed, notes := l.allowedByRuntime(gpus)
	if l.cuda == nil {
		return allowed, notes
	}
	entries := strings.Split(*l.cuda, ",")
	byNumber := false
	for i, text := range entries {
		text = strings.TrimSpace(text)
		found, err := resolve(text, gpus)
		if err != nil {
			if note := l.cutNote(text, i, err); note != "" {
				notes = append(notes, note)
			}
			break // as CUDA does
		}
		byNumber = byNumber || isNumber(text)
		for _, u := range found {
			if contains(allowed, u.ID) && !contains(units, u.ID) {
				units = append(units, u)
			}
		}
	}
	if byNumber && !l.busOrder && models(gpus) > 1 {
		notes = append(notes, fmt.Sprintf("%s=%q is read in the order of the PCI bus; CUDA may count these GPUs, which differ, in another: set %s=PCI_BUS_ID, or name uuids",
			envCUDA, *l.cuda, envOrder))
	}
	return units, notes
}

// cutNote explains an entry at which the list ends, unless it is one of the usual ways to say none.
func (l limits) cutNote(text string, position int, err error) string {
	if position == 0 && (text == "" || text == "-1" || text == "NoDevFiles") {
		return ""
	}
	return fmt.Sprintf("%s=%q: %v; as in CUDA, it and what follows it are not offered", envCUDA, *l.cuda, err)
}

// resolve returns what an entry of CUDA_VISIBLE_DEVICES names: a number, or the beginning of a uuid that no other device has.
func resolve(text string, gpus []GPU) ([]Unit, error) {
	if isNumber(text) {
		n, err := strconv.Atoi(text)
		for i := range gpus {
			if err == nil && gpus[i].Index == n {
				return gpus[i].Units(), nil
			}
		}
		return nil, fmt.Errorf("there is no GPU %s", text)
	}
	if !strings.HasPrefix(text, "GPU-") && !strings.HasPrefix(text, "MIG-") {
		return nil, fmt.Errorf("%q is neither a number nor a uuid (GPU-..., MIG-...)", text)
	}
	var found []Unit
	matches := 0
	match := func(id string, units ...Unit) (exact bool) {
		if strings.HasPrefix(id, text) {
			found, matches = units, matches+1
		}
		return id == text
	}
	for i := range gpus {
		if match(gpus[i].ID, gpus[i].Units()...) {
			return found, nil
		}
		for _, u := range gpus[i].Units() {
			if gpus[i].MIG && match(u.ID, u) {
				return found, nil
			}
		}
	}
	switch matches {
	case 1:
		return found, nil
	case 0:
		return nil, fmt.Errorf("there is no device %s", text)
	}
	return nil, fmt.Errorf("%s begins the uuids of %d devices", text, matches)
}

// allowedByRuntime applies NVIDIA_VISIBLE_DEVICES, by which a container is given GPUs.
func (l limits) allowedByRuntime(gpus []GPU) (units []Unit, notes []string) {
	all := (&Report{GPUs: gpus}).Units()
	if l.nvidia == nil {
		return all, nil
	}
	switch strings.TrimSpace(*l.nvidia) {
	case "", "all", "void": // void: they were given in another way
		return all, nil
	case "none":
		return nil, []string{envNVIDIA + "=none: no GPU is offered"}
	}
	entries := strings.Split(*l.nvidia, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	if !slices.ContainsFunc(entries, knownToRuntime) {
		return all, nil // paths and names of the container's runtime, which has applied them
	}
	// Numbers count the host's GPUs. Inside a container there are just those, under new numbers.
	renumbered := len(gpus) <= len(entries) && !slices.ContainsFunc(entries, isUUID)
	for i := range gpus {
		for j, u := range gpus[i].Units() {
			named := func(e string) bool {
				return isUUID(e) && (strings.HasPrefix(u.ID, e) || strings.HasPrefix(gpus[i].ID, e)) ||
					e == strconv.Itoa(gpus[i].Index) || gpus[i].MIG && e == fmt.Sprintf("%d:%d", gpus[i].Index, instanceIndex(&gpus[i], j))
			}
			if renumbered || slices.ContainsFunc(entries, named) {
				units = append(units, u)
			}
		}
	}
	if len(units) == 0 && len(all) > 0 {
		notes = append(notes, fmt.Sprintf("%s=%q names none of the GPUs that are here", envNVIDIA, *l.nvidia))
	}
	return units, notes
}

func instanceIndex(g *GPU, unit int) int { return g.Instances[unit].Index }

func knownToRuntime(e string) bool {
	gpu, instance, ok := strings.Cut(e, ":")
	return isUUID(e) || isNumber(gpu) && (!ok || isNumber(instance))
}

func isUUID(e string) bool { return strings.HasPrefix(e, "GPU-") || strings.HasPrefix(e, "MIG-") }

func isNumber(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func contains(units []Unit, id string) bool {
	return slices.ContainsFunc(units, func(u Unit) bool { return u.ID == id })
}

// models counts the kinds of GPU.
func models(gpus []GPU) int {
	names := map[string]bool{}
	for _, g := range gpus {
		names[g.Name] = true
	}
	return len(names)
}

// VisibleDevices returns the CUDA_VISIBLE_DEVICES of a process that may use the devices with these ids and no others. A set that
// CUDA cannot give to one process is an error.
func VisibleDevices(ids []string) (string, error) {
	instances := 0
	for _, id := range ids {
		if id == "" || strings.ContainsAny(id, ", \x00") {
			return "", fmt.Errorf("make %s: %q is no device's id", envCUDA, id)
		}
		if strings.HasPrefix(id, "MIG-") {
			instances++
		}
	}
	if instances > 0 && len(ids) > 1 {
		return "", errors.New("a process can use one MIG instance and nothing beside it: ask for 1 GPU, or for whole GPUs on a node that has MIG turned off")
	}
	return strings.Join(ids, ","), nil
}
