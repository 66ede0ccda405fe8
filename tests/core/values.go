package core

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"mobula"
)

// through sends a value through an object, a task that captures it, and that task's result.
func through[T any](ctx context.Context, v T) (string, error) {
	put, err := mobula.Put(v).Get(ctx)
	if err != nil {
		return "", err
	}
	back, err := mobula.Go(func() T { return put }).Get(ctx)
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(v, put) || !reflect.DeepEqual(v, back) {
		return fmt.Sprintf("a %T arrived otherwise", v), nil
	}
	return "equal", nil
}

type number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

func numbers[T number](n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = T(i % 101)
	}
	return list
}

// all reports what is not equal.
func all(texts map[string]func() (string, error)) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if got, err := texts[name](); err != nil || got != "equal" {
			return name + ": " + got, err
		}
	}
	return "equal", nil
}

type (
	celsius float32
	pixel   struct{ R, G, B, A uint8 }
	columns struct {
		names  []string
		price  []float64
		volume []int32
		seen   []bool
		at     []time.Time
		notes  []string
		matrix [][]float32
	}
)

func table(n int) columns {
	c := columns{names: []string{"price", "volume"}, price: numbers[float64](n), volume: numbers[int32](n), seen: make([]bool, n)}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		c.seen[i] = i%3 == 0
		c.at = append(c.at, start.Add(time.Duration(i)*time.Minute))
		c.notes = append(c.notes, fmt.Sprint("note ", i))
		c.matrix = append(c.matrix, numbers[float32](8))
	}
	return c
}

var values = []Program{
	{"numeric slices of all kinds", func(ctx context.Context) (string, error) {
		kinds := map[string]func() (string, error){}
		for _, n := range []int{0, 1, 1000, 300_000} {
			add := func(name string, f func() (string, error)) { kinds[fmt.Sprint(name, n)] = f }
			add("int", func() (string, error) { return through(ctx, numbers[int](n)) })
			add("int8", func() (string, error) { return through(ctx, numbers[int8](n)) })
			add("int16", func() (string, error) { return through(ctx, numbers[int16](n)) })
			add("int32", func() (string, error) { return through(ctx, numbers[int32](n)) })
			add("uint16", func() (string, error) { return through(ctx, numbers[uint16](n)) })
			add("uint64", func() (string, error) { return through(ctx, numbers[uint64](n)) })
			add("float32", func() (string, error) { return through(ctx, numbers[float32](n)) })
			add("float64", func() (string, error) { return through(ctx, numbers[float64](n)) })
			add("celsius", func() (string, error) { return through(ctx, numbers[celsius](n)) })
			add("complex", func() (string, error) { return through(ctx, make([]complex128, n)) })
			add("pixels", func() (string, error) { return through(ctx, make([]pixel, n)) })
			add("arrays", func() (string, error) { return through(ctx, make([][3]float32, n)) })
			add("bools", func() (string, error) { return through(ctx, make([]bool, n)) })
		}
		return all(kinds)
	}, "equal"},
	{"many small rows", func(ctx context.Context) (string, error) {
		rows := make([][]float32, 20_000)
		for i := range rows {
			rows[i] = numbers[float32](16)
		}
		return through(ctx, rows)
	}, "equal"},
	{"rows of one array go on sharing it", func(ctx context.Context) (string, error) {
		flat := numbers[float32](1 << 18)
		rows := slices.Collect(slices.Chunk(flat, 1<<10))
		got, err := mobula.Put(struct {
			flat []float32
			rows [][]float32
		}{flat, rows}).Get(ctx)
		if err != nil {
			return "", err
		}
		got.rows[7][3] = -1
		return fmt.Sprint(len(got.rows), got.flat[7<<10+3]), nil
	}, "256 -1"},
	{"big strings", func(ctx context.Context) (string, error) {
		text := strings.Repeat("Grüße, ", 1<<18)
		return through(ctx, map[string]string{"a": text, "b": text[:1000], text[:100]: "c"})
	}, "equal"},
	{"columns by name", func(ctx context.Context) (string, error) {
		frame := map[string][]float64{"close": numbers[float64](100_000), "open": numbers[float64](100_000), "none": {}, "nil": nil}
		return through(ctx, frame)
	}, "equal"},
	{"a struct of columns", func(ctx context.Context) (string, error) { return through(ctx, table(20_000)) }, "equal"},
	{"images", func(ctx context.Context) (string, error) {
		images := make([][]byte, 30)
		for i := range images {
			images[i] = bytes.Repeat([]byte{byte(i), 0xff}, 20_000+i)
		}
		sums, err := mobula.All(ctx, mobula.Map(images, func(image []byte) uint32 { return crc32.ChecksumIEEE(image) }))
		for i, image := range images {
			if err == nil && sums[i] != crc32.ChecksumIEEE(image) {
				return fmt.Sprint("image ", i), nil
			}
		}
		return fmt.Sprint(len(sums)), err
	}, "30"},
	{"time series", func(ctx context.Context) (string, error) {
		zone := time.FixedZone("here", 3600)
		series := make([]time.Time, 50_000)
		for i := range series {
			series[i] = time.Date(2026, 1, 1, 0, 0, i, 0, zone)
		}
		got, err := mobula.Go(func() []time.Time { return series }).Get(ctx)
		if err != nil {
			return "", err
		}
		same := slices.EqualFunc(series, got, time.Time.Equal)
		return fmt.Sprint(same, " ", got[1].Format(time.RFC3339)), nil
	}, "true 2026-01-01T00:00:01+01:00"},
	{"parts of one big array in several closures", func(ctx context.Context) (string, error) {
		big := ramp(large)
		var refs []mobula.Ref[float64]
		for i := range 8 {
			part := big[i*large/8 : (i+1)*large/8]
			refs = append(refs, mobula.Go(func() float64 { return part[0] + part[len(part)-1] }))
		}
		list, err := mobula.All(ctx, refs)
		return fmt.Sprint(sum(list...) == float64(8*(large-1))), err
	}, "true"},
	{"overlapping parts in one closure are one array", func(ctx context.Context) (string, error) {
		big := ramp(large)
		left, right := big[:large/2+10], big[large/2:]
		return text(mobula.Go(func() []float64 { right[0] = -5; return left[large/2 : large/2+2] }).Get(ctx))
	}, "[-5 524289]"},
}
