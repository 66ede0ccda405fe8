package gpu

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// EnvProbe makes a program that calls nvml.Main a probe. Its value is the time that the probe has.
const EnvProbe = "MOBULA_GPU_PROBE"

// sourceNVML is what reports of the probe's own name as their source.
const sourceNVML = "nvml"

// prober asks NVML in a child process.
type prober struct {
	command []string
	limit   time.Duration
	runner  runner
}

func (p *prober) report(ctx context.Context) Report {
	env := append(os.Environ(), EnvProbe+"="+p.limit.String())
	return readProbe(p.runner.run(ctx, p.limit, env, p.command), p.limit)
}

// readProbe makes a report of how a probe has ended.
func readProbe(o outcome, limit time.Duration) Report {
	switch {
	case o.fault != nil:
		return Failure(sourceNVML, Failed, "the GPU probe cannot be started: %v", o.fault)
	case o.ended != nil:
		return Failure(sourceNVML, Failed, "the GPU probe was stopped: %v", o.ended)
	case o.hung:
		return hungReport(sourceNVML, "the GPU probe", o, limit)
	case o.end.Code != 0:
		text := "the GPU probe crashed: "
		switch {
		case o.cause != "":
			text += o.cause
		case o.words != "":
			text += o.end.Reason + "; its last line: " + o.words
		default:
			text += o.end.Reason
		}
		return Failure(sourceNVML, Crashed, "%s", text)
	}
	var r Report
	// A library may have printed something before it.
	text := strings.TrimSpace(string(o.out))
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return Failure(sourceNVML, Failed, "the GPU probe printed no report (%v): is its program another version of mobula?", err)
	}
	return r.settled()
}

func hungReport(source, what string, o outcome, limit time.Duration) Report {
	if o.stuck {
		return Failure(source, Hung, "%s of earlier still hangs in the driver: see the kernel's log (dmesg)", what)
	}
	text := fmt.Sprintf("%s hung: it had no answer within %v", what, limit)
	if o.words != "" {
		text += "; its last line: " + o.words
	}
	return Failure(source, Hung, "%s", text)
}

// settled gives a report that lists nothing a reason.
func (r Report) settled() Report {
	if r.GPUs == nil {
		r.GPUs = []GPU{}
	}
	if len(r.GPUs) == 0 && r.Problem == nil {
		r.Problem = &Problem{NoGPU, fmt.Sprintf("the NVIDIA driver %s is loaded, and there is no GPU", r.Driver)}
	}
	for i := range r.GPUs {
		if r.GPUs[i].Health.State == "" {
			r.GPUs[i].Health.State = OK
		}
	}
	return r
}
