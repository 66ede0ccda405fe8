package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mobula/cluster/sched"
)

// scrapeTime bounds how long head and nodes may take to answer.
const scrapeTime = 8 * time.Second

// Handler serves what collectors gather. One that fails costs its own metrics only, and is logged.
func Handler(logger *slog.Logger, all ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	for _, c := range all {
		registry.MustRegister(c) // it panics where two collectors have a name in common, which is a bug
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: errorLog{logger}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 2 * scrapeTime, EnableOpenMetrics: true,
	})
}

type errorLog struct{ logger *slog.Logger }

// Println logs what a scrape could not gather.
func (l errorLog) Println(words ...any) { l.logger.Warn("metrics are not complete", "error", words) }

// Process gathers those of the Go runtime and of this process.
func Process() prometheus.Collector {
	return several{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
}

type several []prometheus.Collector

// Describe describes all.
func (s several) Describe(to chan<- *prometheus.Desc) {
	for _, c := range s {
		c.Describe(to)
	}
}

// Collect collects from all.
func (s several) Collect(to chan<- prometheus.Metric) {
	for _, c := range s {
		c.Collect(to)
	}
}

// kind is what a number is.
type kind = prometheus.ValueType

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// emit tells of one number, with the values of its labels.
type emit func(value float64, labels ...string)

// metric is one metric of figures F.
type metric[F any] struct {
	name, help string
	kind       kind
	labels     []string
	read       func(f *F, tell emit)
}

// one is a metric without labels of its own.
func one[F any](name, help string, kind kind, read func(f *F) float64) metric[F] {
	return metric[F]{name, help, kind, nil, func(f *F, tell emit) { tell(read(f)) }}
}

// by is a metric that counts by a label.
func by[F any, N int | uint64](name, help string, kind kind, label string, read func(f *F) map[string]N) metric[F] {
	return metric[F]{name, help, kind, []string{label}, func(f *F, tell emit) {
		for value, n := range read(f) {
			tell(float64(n), value)
		}
	}}
}

// table is metrics with labels in common, which come first.
type table[F any] struct {
	metrics []metric[F]
	descs   []*prometheus.Desc
}

func newTable[F any](metrics []metric[F], common ...string) *table[F] {
	t := &table[F]{metrics: metrics}
	for _, m := range metrics {
		t.descs = append(t.descs, prometheus.NewDesc(m.name, m.help, slices.Concat(common, m.labels), nil))
	}
	return t
}

func (t *table[F]) describe(to chan<- *prometheus.Desc) {
	for _, d := range t.descs {
		to <- d
	}
}

func (t *table[F]) collect(to chan<- prometheus.Metric, f *F, common ...string) {
	for i, m := range t.metrics {
		m.read(f, func(value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(t.descs[i], m.kind, value, slices.Concat(common, labels)...)
		})
	}
}

// fail has the scrape say that something is missing.
func fail(to chan<- prometheus.Metric, err error) {
	to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), scrapeTime)
}

// quantity is a resource in the unit of its metric: bytes of memory, whole units of all others.
func quantity(r sched.Resources, name string) float64 {
	n := r.Get(name)
	if name == sched.Memory {
		return float64(n)
	}
	return float64(n) / float64(sched.One)
}

// resources tells of all resources that total has: what value makes of their names.
func resources(total sched.Resources, tell emit, value func(name string) float64) {
	for _, name := range total.Names() {
		tell(value(name), name)
	}
}
