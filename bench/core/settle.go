package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	quietWindow   = 250 * time.Millisecond
	quietShare    = 0.15
	quietPatience = 5 * time.Second
	// On a machine that others keep busy the run must end in its time; what a side leaves running takes less than the short patience.
	vainWaits     = 20
	shortPatience = time.Second
)

// settle waits until the machine is quiet: processes of a side work on after an answer, which would slow the other side down.
// Where it does not get quiet, it says so and goes on. Under profiles, whose figures nobody compares, it would only take time.
func (b *bench) settle(ctx context.Context, before string) error {
	if b.conf.profiles != "" {
		return nil
	}
	tick := time.NewTicker(quietWindow)
	defer tick.Stop()
	last, err := readCPU()
	if err != nil {
		return err
	}
	patience := quietPatience
	if b.vain >= vainWaits {
		patience = shortPatience
	}
	for end := time.Now().Add(patience); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := readCPU()
		if err != nil {
			return err
		}
		share := now.busyShare(last)
		if share < quietShare {
			return nil
		}
		if time.Now().After(end) {
			b.vain++
			b.progress("%s: the machine is not quiet after %v: %.0f %% busy", before, patience, 100*share)
			return nil
		}
		last = now
	}
}

// ask has a side do something on a quiet machine.
func (b *bench) ask(ctx context.Context, s *side, q request) (reply, error) {
	if err := b.settle(ctx, s.name+": "+q.Do); err != nil {
		return reply{}, err
	}
	return s.ask(ctx, q)
}

// cpuTimes is the time of all processors since the machine's start, in ticks.
type cpuTimes struct{ busy, all float64 }

// busyShare is the share of busy time since an earlier reading.
func (t cpuTimes) busyShare(since cpuTimes) float64 {
	if t.all <= since.all {
		return 0
	}
	return (t.busy - since.busy) / (t.all - since.all)
}

func readCPU() (cpuTimes, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, err
	}
	return parseCPU(string(text))
}

// The fields of the line of all processors. Guests' time is in user's and nice's too.
const (
	cpuIdle   = 3
	cpuIOWait = 4
	cpuFields = 8
)

func parseCPU(stat string) (t cpuTimes, err error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 1+cpuFields || fields[0] != "cpu" {
		return t, errors.New("/proc/stat does not begin with the times of all processors")
	}
	for i, field := range fields[1 : 1+cpuFields] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return t, fmt.Errorf("/proc/stat: %w", err)
		}
		t.all += ticks
		if i != cpuIdle && i != cpuIOWait {
			t.busy += ticks
		}
	}
	return t, nil
}
