package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// How often samples are taken, and how long they are kept.
const (
	busyEvery  = time.Second // while somebody looks
	idleSample = 15 * time.Second
	lookedFor  = 10 * time.Second // after the last look
	keepFor    = 15 * time.Minute
	sampleTime = 5 * time.Second // at most for one
)

// series are the curves, in the order of a sample's values. Rates are per second, sizes in bytes.
var series = []string{
	"cpu_used", "cpu_total", "gpu_used", "gpu_total", "memory_used", "memory_total", "workers", "workers_memory", "tasks_running", "tasks_waiting",
	"tasks_finished_rate", "tasks_failed_rate", "store_used", "store_capacity", "store_disk", "sent_rate", "fetched_rate",
}

// sample is the values of all series at a time; NaN is not known.
type sample struct {
	at     int64 // ms since 1970
	values []float64
}

// history is the samples of the cluster, or of a node.
type history struct {
	samples []sample
	last    counters // of the last sample; of a node
}

// counters are what rates are made of.
type counters struct {
	at                              time.Time
	finished, failed, sent, fetched float64
}

// sampler keeps the last minutes of a cluster. It takes samples of all nodes while somebody looks, and otherwise few, of what the head knows.
type sampler struct {
	caller headwire.Caller
	wake   chan struct{} // room for one: somebody looks

	mu      sync.Mutex // guards below
	looked  time.Time
	cluster *history
	nodes   map[id.Node]*history
}

func newSampler(c headwire.Caller) *sampler {
	return &sampler{caller: c, wake: make(chan struct{}, 1), cluster: &history{}, nodes: map[id.Node]*history{}}
}

// look has samples taken often for a while.
func (s *sampler) look() {
	s.mu.Lock()
	idle := time.Since(s.looked) > lookedFor
	s.looked = time.Now()
	s.mu.Unlock()
	if !idle {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run takes samples until ctx ends.
func (s *sampler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		begin := time.Now()
		s.mu.Lock()
		busy := !s.looked.IsZero() && begin.Sub(s.looked) <= lookedFor
		s.mu.Unlock()
		s.take(ctx, busy)
		pause := idleSample
		if busy {
			pause = max(busyEvery-time.Since(begin), restFactor*time.Since(begin))
		}
		timer.Reset(pause)
	}
}

// take takes one sample. Where head or nodes do not answer there is a gap.
func (s *sampler) take(ctx context.Context, busy bool) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	f, err := headwire.Ask(ctx, s.caller, headwire.GetFigures, headwire.None{})
	if err != nil {
		return
	}
	values := unknown()
	values.setResources(f.Total, f.Free)
	values.set("workers", float64(f.Workers))
	values.set("tasks_waiting", float64(f.Waiting))
	var told figuresOfNodes
	if busy {
		if told, err = askFigures(ctx, s.caller); err != nil {
			return
		}
	}
	s.note(time.Now(), values, told)
}

func (s *sampler) note(now time.Time, cluster values, told figuresOfNodes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for which, f := range told.figures {
		own := unknown()
		count := own.setFigures(&f, now)
		h := s.nodes[which]
		if h == nil {
			h = &history{}
			s.nodes[which] = h
		}
		h.setRates(own, count)
		h.add(now, own)
		cluster.sum(own)
	}
	s.cluster.add(now, cluster)
	for which, h := range s.nodes {
		if h.trim(now); len(h.samples) == 0 {
			delete(s.nodes, which)
		}
	}
}

// values are those of a sample.
type values []float64

func unknown() values {
	v := make(values, len(series))
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

func (v values) set(name string, value float64) { v[slices.Index(series, name)] = value }

func (v values) setResources(total, free sched.Resources) {
	unit := float64(sched.One)
	v.set("cpu_total", float64(total.CPU)/unit)
	v.set("cpu_used", float64(total.CPU-free.CPU)/unit)
	v.set("gpu_total", float64(total.GPU)/unit)
	v.set("gpu_used", float64(total.GPU-free.GPU)/unit)
}

// byHead are the series of the cluster that the head tells; the others are those of its nodes together.
var byHead = map[string]bool{"cpu_used": true, "cpu_total": true, "gpu_used": true, "gpu_total": true, "workers": true, "tasks_waiting": true}

// sum adds what is known of a node.
func (v values) sum(own values) {
	for i, x := range own {
		switch {
		case byHead[series[i]] || math.IsNaN(x):
		case math.IsNaN(v[i]):
			v[i] = x
		default:
			v[i] += x
		}
	}
}

func (v values) setFigures(f *node.Figures, now time.Time) counters {
	v.setResources(f.Total, f.Free)
	workers := 0
	for _, n := range f.Workers.States {
		workers += n
	}
	v.set("workers", float64(workers))
	v.set("workers_memory", float64(f.Workers.Resident))
	v.set("memory_total", float64(f.Memory.Total))
	v.set("memory_used", float64(f.Memory.Total-f.Memory.Available))
	v.set("tasks_running", float64(f.Tasks["running"]))
	v.set("tasks_waiting", float64(f.Waiting))
	if f.Store != nil {
		v.set("store_used", float64(f.Store.Busy))
		v.set("store_capacity", float64(f.Store.Capacity))
		v.set("store_disk", float64(f.Store.SpilledBytes))
	}
	return counters{now, float64(f.Entered["finished"]), float64(f.Entered["failed"]), float64(f.Sent.Bytes), float64(f.Fetched.Bytes)}
}

// setRates sets those that are known: where there was a sample a moment ago, and nothing has begun to count anew.
func (h *history) setRates(v values, count counters) {
	past := h.last
	h.last = count
	took := count.at.Sub(past.at)
	if past.at.IsZero() || took <= 0 || took > 2*idleSample {
		return
	}
	for name, pair := range map[string][2]float64{
		"tasks_finished_rate": {past.finished, count.finished}, "tasks_failed_rate": {past.failed, count.failed},
		"sent_rate": {past.sent, count.sent}, "fetched_rate": {past.fetched, count.fetched},
	} {
		if pair[1] >= pair[0] {
			v.set(name, (pair[1]-pair[0])/took.Seconds())
		}
	}
}

func (h *history) add(now time.Time, v values) {
	h.samples = append(h.samples, sample{now.UnixMilli(), v})
	h.trim(now)
}

func (h *history) trim(now time.Time) {
	oldest := now.Add(-keepFor).UnixMilli()
	if i := slices.IndexFunc(h.samples, func(s sample) bool { return s.at >= oldest }); i > 0 {
		h.samples = slices.Delete(h.samples, 0, i)
	} else if i < 0 {
		h.samples = nil
	}
}

// since returns the samples after a time, as columns: times in ms, then a list for each series, with null where it is not known.
func (h *history) since(after int64) (times []int64, columns map[string][]number) {
	times, columns = []int64{}, map[string][]number{}
	from, _ := slices.BinarySearchFunc(h.samples, after+1, func(s sample, t int64) int { return int(s.at - t) })
	for _, s := range h.samples[from:] {
		times = append(times, s.at)
	}
	for i, name := range series {
		column := make([]number, 0, len(times))
		for _, s := range h.samples[from:] {
			column = append(column, number(s.values[i]))
		}
		columns[name] = column
	}
	return times, columns
}

// number is a value that may not be known.
type number float64

// MarshalJSON writes null where it is not.
func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// metricsMeta is the meta of the topic metrics: what follows on what was told before.
type metricsMeta struct {
	Times  []int64             `json:"times"`
	Series map[string][]number `json:"series"`
}

func lookMetrics(_ context.Context, s *Server, r request) (v view, err error) {
	s.sampler.look()
	after := int64(0)
	if r.cursor != "" {
		if after, err = strconv.ParseInt(r.cursor, 10, 64); err != nil {
			return v, err
		}
	}
	s.sampler.mu.Lock()
	defer s.sampler.mu.Unlock()
	h := s.sampler.cluster
	if text := r.params["node"]; text != "" {
		which, err := id.Parse[id.Node](text)
		if err != nil {
			return v, &badRequest{http.StatusBadRequest, fmt.Sprintf("node=%.40q is no id of a node: give all 32 digits", text)}
		}
		if h = s.sampler.nodes[which]; h == nil {
			h = &history{}
		}
	}
	times, columns := h.since(after)
	v.cursor = r.cursor
	if len(times) > 0 {
		v.cursor = strconv.FormatInt(times[len(times)-1], 10)
	}
	v.same = len(times) == 0 && r.cursor != ""
	return v, v.setMeta(metricsMeta{times, columns})
}
