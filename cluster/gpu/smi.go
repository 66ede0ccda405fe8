package gpu

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const sourceSMI = "nvidia-smi"

// Columns that nvidia-smi is asked for. The name comes last: it may hold a comma.
const (
	smiColumns    = "index,uuid,memory.total,memory.free,driver_version,mig.mode.current,ecc.errors.uncorrected.volatile.total,retired_pages.pending,name"
	smiOldColumns = "index,uuid,memory.total,memory.free,driver_version,name" // of drivers that do not know all of these
)

// Exit codes of nvidia-smi, of its manual.
var smiCodes = map[int]Problem{
	4:  {NoPermission, "this user may not use the NVIDIA driver: give it access to the devices /dev/nvidia*"},
	9:  {NoDriver, "nvidia-smi cannot reach the NVIDIA driver: is it loaded?"},
	12: {NoLibrary, "nvidia-smi does not find the library libnvidia-ml"},
}

// smi asks the program nvidia-smi.
type smi struct {
	path   string
	limit  time.Duration
	runner runner
}

func (s *smi) report(ctx context.Context) Report {
	var r Report
	for _, columns := range []string{smiColumns, smiOldColumns} {
		o := s.run(ctx, "--query-gpu="+columns, "--format=csv,noheader,nounits")
		if o.end.Code == 2 && columns == smiColumns { // an unknown column
			continue
		}
		if r = s.read(o, strings.Split(columns, ",")); r.Problem != nil {
			return r
		}
		break
	}
	for i := range r.GPUs {
		if r.GPUs[i].MIG {
			parseInstances(string(s.run(ctx, "-L").out), r.GPUs)
			break
		}
	}
	return r
}

func (s *smi) run(ctx context.Context, args ...string) outcome {
	return s.runner.run(ctx, s.limit, os.Environ(), append([]string{s.path}, args...))
}

func (s *smi) read(o outcome, columns []string) Report {
	switch {
	case o.fault != nil:
		return Failure(sourceSMI, Failed, "nvidia-smi cannot be started: %v", o.fault)
	case o.ended != nil:
		return Failure(sourceSMI, Failed, "nvidia-smi was stopped: %v", o.ended)
	case o.hung:
		return hungReport(sourceSMI, sourceSMI, o, s.limit)
	}
	r := parseTable(string(o.out), columns)
	if o.end.Code == 0 || len(r.GPUs) > 0 {
		return r.settled()
	}
	if p, ok := smiCodes[o.end.Code]; ok {
		return Failure(sourceSMI, p.Cause, "%s", p.Text)
	}
	text := lastLine(o.out)
	if o.words != "" {
		text = o.words
	}
	return Failure(sourceSMI, Crashed, "nvidia-smi failed: %s; its last line: %s", o.end.Reason, text)
}

// parseTable reads the lines of nvidia-smi --query-gpu. What is no line of the table is passed over.
func parseTable(text string, columns []string) Report {
	r := Report{Source: sourceSMI, GPUs: []GPU{}}
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ", ", len(columns))
		if len(fields) != len(columns) {
			continue
		}
		index, err := strconv.Atoi(fields[0])
		if err != nil || index < 0 {
			continue
		}
		g := GPU{Index: index, Health: Health{State: OK}}
		for i, column := range columns {
			g.set(column, strings.TrimSpace(fields[i]), &r)
		}
		r.GPUs = append(r.GPUs, g)
	}
	return r
}

// set takes one value in. Those in brackets say that there is none: [N/A], [Not Supported], [GPU is lost].
func (g *GPU) set(column, value string, r *Report) {
	if strings.HasPrefix(value, "[") {
		if text := strings.Trim(value, "[]"); strings.Contains(text, "lost") || strings.Contains(text, "requires reset") {
			if g.Health.State != Lost {
				g.Health.Worsen(Lost, "%s", text)
			}
		}
		return
	}
	switch column {
	case "uuid":
		if isUUID(value) {
			g.ID = value
		}
	case "name":
		g.Name = value
	case "memory.total":
		g.Memory.Total = mebibytes(value)
	case "memory.free":
		g.Memory.Free = mebibytes(value)
	case "driver_version":
		r.Driver = value
	case "mig.mode.current":
		g.MIG = value == "Enabled"
	case "ecc.errors.uncorrected.volatile.total":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil && n > 0 {
			g.Health.Worsen(Degraded, ReasonECC, n)
		}
	case "retired_pages.pending":
		if value == "Yes" {
			g.Health.Worsen(Degraded, ReasonPages)
		}
	}
}

// Reasons for a GPU's state that every source gives in the same words.
const (
	ReasonECC   = "%d memory errors that could not be corrected since the driver was loaded"
	ReasonPages = "pages of its memory wait to be retired: reset it"
)

func mebibytes(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return n << 20
}

var (
	listedGPU      = regexp.MustCompile(`^GPU \d+: .*\(UUID: (GPU-[^)\s]+)\)`)
	listedInstance = regexp.MustCompile(`^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)\s]+)\)`)
	profileMemory  = regexp.MustCompile(`\.(\d{1,6})gb`)
)

// parseInstances reads nvidia-smi -L. The memory of an instance is that of its profile's name, as in 3g.20gb.
func parseInstances(text string, gpus []GPU) {
	current := -1
	for line := range strings.Lines(text) {
		if m := listedGPU.FindStringSubmatch(line); m != nil {
			current = -1
			for i := range gpus {
				if gpus[i].ID == m[1] && gpus[i].MIG {
					current = i
				}
			}
			continue
		}
		m := listedInstance.FindStringSubmatch(line)
		if m == nil || current < 0 {
			continue
		}
		in := Instance{ID: m[3], Name: gpus[current].Name + " MIG " + m[1]}
		in.Index, _ = strconv.Atoi(m[2]) // digits; one too long for an int is no instance's
		if size := profileMemory.FindStringSubmatch(m[1]); size != nil {
			n, _ := strconv.ParseInt(size[1], 10, 64) // at most six digits
			in.Memory.Total = n << 30
		}
		gpus[current].Instances = append(gpus[current].Instances, in)
	}
}
