package core

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"mobula"
)

// arrayMiB is the size of the arrays that must not be copied; make test-long takes 1024.
var arrayMiB = flag.Int64("array", 64, "MiB of the array that tasks share")

const rowFloats = 128

// memoryOf reads a line of a process's memory in bytes, as Pss or Pss_Anon.
func memoryOf(pid int, line string) (int64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), "\n"+line+":")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("%s has no %s", path, line)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}

// sharedMemory is what processes have, in bytes: each page is counted once.
func sharedMemory(t *testing.T, pids []int) (total int64) {
	t.Helper()
	for _, pid := range pids {
		pss, err := memoryOf(pid, "Pss")
		if err != nil {
			t.Fatal(err)
		}
		total += pss
	}
	return total
}

// mapped is the name of the file that is mapped where p points, "" where none is.
func mapped(p unsafe.Pointer) (string, error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		low, high, _ := strings.Cut(fields[0], "-")
		from, err := strconv.ParseUint(low, 16, 64)
		if err != nil {
			return "", err
		}
		to, err := strconv.ParseUint(high, 16, 64)
		if at := uint64(uintptr(p)); err == nil && from <= at && at < to {
			return strings.Join(fields[5:], " "), nil
		}
	}
	return "", nil
}

// reader is what a task found that reads a part of an array.
type reader struct {
	pid     int
	file    string // in which the array lies
	private int64  // bytes that its process has more for itself
	total   float32
}

func readPart(r mobula.Ref[[]float32], from, to int) (x reader, err error) {
	x.pid = os.Getpid()
	before, err := memoryOf(x.pid, "Pss_Anon")
	if err != nil {
		return x, err
	}
	all := r.Value()
	for _, v := range all[from:to] {
		x.total += v
	}
	after, err := memoryOf(x.pid, "Pss_Anon")
	if err != nil {
		return x, err
	}
	x.private = after - before
	x.file, err = mapped(unsafe.Pointer(&all[0]))
	return x, err
}

// TestTasksShareAnArray: ten processes read parts of one array that was put once, and none has a copy of it.
func TestTasksShareAnArray(t *testing.T) {
	const readers = 10
	connect(t, mobula.Config{CPUs: readers, Store: (*arrayMiB + 256) << 20})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	size := *arrayMiB << 20
	rows := int(size / (4 * rowFloats))
	flat := make([]float32, rows*rowFloats)
	for i := range rows {
		flat[i*rowFloats] = 1
	}
	before := sharedMemory(t, []int{os.Getpid()})
	r := mobula.Put(flat)
	hall := mobula.NewActor(func() *gauge { return &gauge{} }, mobula.Concurrency(readers+2))
	found := mobula.NewActor(func() *[]reader { return &[]reader{} })
	var refs []mobula.Ref[int]
	for i := range readers {
		refs = append(refs, mobula.Try(func(context.Context) (int, error) {
			x, err := readPart(r, i*rows/readers*rowFloats, (i+1)*rows/readers*rowFloats)
			if want := float32((i+1)*rows/readers - i*rows/readers); err == nil && x.total != want {
				err = fmt.Errorf("the sum of part %d is %v, not %v", i, x.total, want)
			}
			if err != nil {
				return 0, err
			}
			mobula.Call(found, func(list *[]reader) int { *list = append(*list, x); return 0 }).Value()
			return mobula.TryCall(hall, func(ctx context.Context, g *gauge) (int, error) { return g.enter(ctx, readers+1) }).Value(), nil
		}, mobula.Isolated(), mobula.Retries(0)))
	}
	list := awaitReaders(ctx, t, found, refs, readers)
	pids := []int{os.Getpid()}
	for _, x := range list {
		if !strings.Contains(x.file, "memfd") {
			t.Errorf("in process %d the array lies in %q", x.pid, x.file)
		}
		if x.private > min(size/2, slack) {
			t.Errorf("process %d has %d MiB more for itself, of an array of %d", x.pid, x.private>>20, size>>20)
		}
		pids = append(pids, x.pid)
	}
	after := sharedMemory(t, pids)
	t.Logf("an array of %d MiB: %d processes have %d MiB; this one had %d MiB before it was put", size>>20, len(pids), after>>20, before>>20)
	if after-before > size+readers*slack && !underRace {
		t.Errorf("all processes have %d MiB more, for an array of %d", (after-before)>>20, size>>20)
	}
	mobula.TryCall(hall, func(ctx context.Context, g *gauge) (int, error) { return g.enter(ctx, readers+1) }).Value()
	if _, err := mobula.All(ctx, refs); err != nil {
		t.Fatal(err)
	}
}

// slack is what the runtime of a process that runs a task may take, in bytes.
const slack = 24 << 20

// awaitReaders waits until so many tasks have read, and returns what they found.
func awaitReaders(ctx context.Context, t *testing.T, found mobula.Actor[[]reader], refs []mobula.Ref[int], n int) []reader {
	t.Helper()
	for {
		list, err := mobula.Call(found, func(list *[]reader) []reader { return *list }).Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == n {
			return list
		}
		for _, r := range refs {
			if r.Ready() {
				_, err := r.Get(ctx)
				t.Fatalf("a task has ended: %v", err)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// TestArrowIsNotCopied: the values of an array that was got lie in the object store, also in tasks, and getting it takes no time that grows
// with its size.
func TestArrowIsNotCopied(t *testing.T) {
	connect(t, mobula.Config{CPUs: 1, Store: (*arrayMiB + 256) << 20})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := int(*arrayMiB << 20 / 8)
	values := memory.NewBufferBytes(make([]byte, n*8))
	data := array.NewData(arrow.PrimitiveTypes.Int64, n, []*memory.Buffer{nil, values}, nil, 0, 0)
	batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil), []arrow.Array{array.MakeFromData(data)}, -1)
	values.Bytes()[n*8-8] = 3
	r := mobula.Put(batch)
	place := func(b arrow.RecordBatch) (string, error) {
		list := column(b, 0).Int64Values()
		if list[n-1] != 3 {
			return "", fmt.Errorf("the last value is %d", list[n-1])
		}
		return mapped(unsafe.Pointer(&list[0]))
	}
	best := time.Hour
	for range 10 {
		start := time.Now()
		got, err := r.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
		if file, err := place(got); err != nil || !strings.Contains(file, "memfd") {
			t.Fatalf("the values lie in %q, %v", file, err)
		}
	}
	t.Logf("a batch of %d MiB is got in %v", *arrayMiB, best)
	if best > 5*time.Millisecond { // a copy takes 100 ms for a GiB
		t.Errorf("a batch of %d MiB is got in %v", *arrayMiB, best)
	}
	parts := mobula.Go(func() string {
		whole := r.Value()
		part := whole.NewSlice(int64(n/2), int64(n))
		file, err := mapped(unsafe.Pointer(&column(part, 0).Int64Values()[0]))
		if err != nil {
			return err.Error()
		}
		return file
	})
	if file, err := parts.Get(ctx); err != nil || !strings.Contains(file, "memfd") {
		t.Errorf("in a task the values lie in %q, %v", file, err)
	}
}
