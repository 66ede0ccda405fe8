package main

import (
	"bytes"
	"context"
	"encoding/json"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"mobula"
)

// TestRequests runs Mobula's side in small. This test is its own worker.
func TestRequests(t *testing.T) {
	if err := connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mobula.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &driver{objects: objects{words: mib}}
	order := slices.Sorted(maps.Keys(actions))
	order = append([]string{"put 1 GiB", "hold", "fill", "drain"}, order...) // others need what these leave
	done := map[string]bool{}
	for _, name := range order {
		if done[name] {
			continue
		}
		done[name] = true
		r, err := d.do(t.Context(), request{Do: name, N: 12, Seed: 100}, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(r.Makers) > 0 && slices.Contains(r.Makers, os.Getpid()) {
			t.Errorf("%s: the driver made results", name)
		}
		if len(r.Makers) == 0 && !slices.Contains([]string{"hold", "fill", "get 1 GiB"}, name) {
			t.Errorf("%s: nobody made results", name)
		}
		for key, samples := range r.Samples {
			if slices.ContainsFunc(samples, func(v float64) bool { return v <= 0 }) {
				t.Errorf("%s: samples of %s: %v", name, key, samples)
			}
		}
	}
}

// TestFiguresHaveSamples: each figure's key is one that its request answers with, and Ray's side knows each request.
func TestFiguresHaveSamples(t *testing.T) {
	ray, err := os.ReadFile("ray_side.py")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range suites {
		for _, test := range s.tests {
			asked++
			if actions[test.do] == nil && test.do != "transfer" {
				t.Errorf("suite %s asks for %q, which Mobula's side does not know", s.name, test.do)
			}
			if !strings.Contains(string(ray), `"`+test.do+`": `) {
				t.Errorf("suite %s asks for %q, which Ray's side does not know", s.name, test.do)
			}
		}
	}
	for name := range actions {
		if !strings.Contains(string(ray), `"`+name+`": `) {
			t.Errorf("Ray's side does not know %q", name)
		}
	}
	if asked < 20 {
		t.Errorf("%d requests", asked)
	}
}

func TestChecksFindWrongResults(t *testing.T) {
	const driver = 10
	for what, stamps := range map[string][]stamp{
		"another value":      {{answer(5), 11}, {answer(5), 11}},
		"made by the driver": {{answer(5), driver}, {answer(6), 11}},
		"made by nobody":     {{answer(5), 11}, {answer(6), 0}},
	} {
		if err := newMakers(driver).answers(stamps, 5); err == nil {
			t.Error(what, "was not found")
		}
	}
	m := newMakers(driver)
	if err := m.answers([]stamp{{answer(5), 12}, {answer(6), 11}}, 5); err != nil || !slices.Equal(m.list(), []int{11, 12}) {
		t.Error(m.list(), err)
	}
	if err := m.counters([]stamp{{8, 11}, {9, 11}, {11, 11}, {13, 11}}, 7, 2); err != nil {
		t.Error(err)
	}
	if err := m.counters([]stamp{{8, 11}, {9, 11}, {10, 11}}, 7, 2); err == nil {
		t.Error("calls out of order were not found")
	}
	b := make([]byte, 3*mib+5)
	fillBytes(b, 3)
	before := sampleSum(b, fine, 3)
	b[3+5*fine]++
	if sampleSum(b, fine, 3) == before {
		t.Error("another byte was not found")
	}
	b[3+5*fine]--
	fillBytes(b, 4)
	if sampleSum(b, fine, 3) == before {
		t.Error("another object was not found")
	}
}

// TestTransfer has a task of this node read an object.
func TestTransfer(t *testing.T) {
	if err := connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mobula.Close(); err != nil {
			t.Error(err)
		}
	})
	nodes, err := mobula.Nodes(t.Context())
	if err != nil || len(nodes) != 1 {
		t.Fatal(nodes, err)
	}
	x := &transferrer{other: nodes[0].ID, data: make([]byte, mib)}
	for i, key := range []string{"first", "later"} {
		r, err := x.transfer(t.Context(), request{N: 1, Seed: 10 + i})
		if err != nil || len(r.Samples[key]) != 1 || r.Samples[key][0] <= 0 || len(r.Makers) == 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestParseNotice(t *testing.T) {
	text := "The cluster's head runs at 127.0.0.1:4321, with a node of this machine.\n\nPrograms          connect with  MOBULA_ADDRESS=/run/a b.sock\n   and on another machine"
	if address, socket, err := parseNotice(text); err != nil || address != "127.0.0.1:4321" || socket != "/run/a b.sock" {
		t.Error(address, socket, err)
	}
	if _, _, err := parseNotice("something else\n"); err == nil {
		t.Error("it was read")
	}
}

func TestLines(t *testing.T) {
	limit := 0.5
	cases := []struct {
		f      figure
		own    string
		values map[string]float64
		want   string
	}{
		{figure{name: "a", unit: "us"}, sideMobula, map[string]float64{sideMobula: 2, sideRay: 10}, `{"name":"a","unit":"us","mobula":2,"peer":10,"ratio":5,"limit":0.5}`},
		{figure{name: "a", unit: "/s", more: true}, sideMobula, map[string]float64{sideMobula: 2, sideRay: 10}, `{"name":"a","unit":"/s","mobula":2,"peer":10,"ratio":0.2,"limit":0.5}`},
		{figure{name: "a", unit: "us"}, sideCell, map[string]float64{sideCell: 4, sideRay: 10}, `{"name":"a (from a cell)","unit":"us","mobula":4,"peer":10,"ratio":2.5,"limit":0.5}`},
		{figure{name: "a", unit: "s", note: "n"}, sideMobula, map[string]float64{sideMobula: 1234.56}, `{"name":"a","unit":"s","mobula":1235,"peer":null,"ratio":null,"limit":0.5,"note":"n"}`},
	}
	for _, c := range cases {
		if got := lineOf(c.f, c.own, c.values, &limit).text(); got != c.want {
			t.Errorf("%s\nnot %s", got, c.want)
		}
	}
	if got := []string{thousands(12), thousands(1000), thousands(1_020_300)}; !slices.Equal(got, []string{"12", "1,000", "1,020,300"}) {
		t.Error(got)
	}
}

// TestFailingSide: what a side reports as an error, or a driver that made results itself, ends the suite.
func TestFailingSide(t *testing.T) {
	for text, want := range map[string]string{
		`{"error":"wrong result"}`:  "wrong result",
		`not JSON`:                  "read its answer",
		``:                          "has ended",
		`{"makers":[$$]}`:           "its driver made results",
		`{"makers":[7],"driver":7}`: "its driver made results",
	} {
		s, err := startSide("shell", command{args: []string{"sh", "-c", "echo '{}'; read line; [ -z '" + text + "' ] || echo \"" + strings.ReplaceAll(text, `"`, `\"`) + `"`}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.answer(t.Context(), askPatience); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ask(t.Context(), request{Do: "x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMemory(t *testing.T) {
	own, arena := parseSmaps([]byte("7f00-7f10 rw-s 00000000 00:01 123 /memfd:mobula (deleted)\nPss: 100 kB\nRss: 7 kB\n" +
		"7f10-7f20 rw-s 00000000 00:01 124 /dev/shm/plasmaX (deleted)\nPss: 20 kB\n7f20-7f30 rw-p 00000000 00:00 0\nPss: 3 kB\n"))
	if own != 3*1024 || arena != 120*1024 {
		t.Errorf("%v bytes, %v of the arena", own, arena)
	}
	for want, of := range map[string][]string{
		"worker": {"/tmp/core/program", "A=b", "MOBULA_WORKER=x"}, "node": {"bin/mobula start --head", "MOBULA_GUARDED=1"}, "guard": {"bin/mobula start --head"},
		"kernel": {"bin/mobula kernel -f x"}, "session host": {"/cache/host-1/session-host", ""}, "raylet": {"/x/core/src/ray/raylet/raylet --a"}, "": {"python x.py"},
	} {
		if got := roleBy(of[0], of[1:]); got != want {
			t.Errorf("%v is %q, and must be %q", of, got, want)
		}
	}
	debug.FreeOSMemory() // what other tests left would be used again
	before := total(memoryOf(os.Getpid()))
	touched := bytes.Repeat([]byte{1}, 64<<20)
	if grown := total(memoryOf(os.Getpid())) - before; grown < 60 || grown > 200 {
		t.Errorf("64 MiB are %v MB", grown)
	}
	if touched[len(touched)-1] != 1 {
		t.Error("the memory is gone")
	}
}

func TestBusyShare(t *testing.T) {
	before, err := parseCPU("cpu  100 10 50 800 40 1 2 3 60 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if err != nil || before.busy != 166 || before.all != 1006 {
		t.Error(before, err)
	}
	after, err := parseCPU("cpu  130 10 60 850 50 1 2 3 90 0\n")
	if share := after.busyShare(before); err != nil || share != 0.4 {
		t.Error(share, err)
	}
	if share := before.busyShare(before); share != 0 {
		t.Error(share)
	}
	for _, text := range []string{"", "cpu0 1 1 1 1 1 1 1 1", "cpu 1 2 3", "cpu 1 1 x 1 1 1 1 1"} {
		if _, err := parseCPU(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// TestCellSource: the text of the cell is that of the files, with their imports once.
func TestCellSource(t *testing.T) {
	text, err := cellSource()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "cell", "package main\n"+text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range f.Imports {
		if seen[i.Path.Value] {
			t.Errorf("%s is imported twice", i.Path.Value)
		}
		seen[i.Path.Value] = true
	}
	for _, want := range []string{"func answerAll(", "func newDriver() *driver {", "func (d *driver) sync(", "func add(", "// pattern is bytes"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("the cell has %q %d times", want, strings.Count(text, want))
		}
	}
}

func TestServe(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"do":"a","n":1}` + "\n" + `{"do":"b","n":2}` + "\n")
	err := answerAll(in, &out, func(q request) (reply, error) {
		if q.Do == "b" {
			return reply{}, context.Canceled
		}
		return reply{Done: q.N}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var replies []reply
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var r reply
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		replies = append(replies, r)
	}
	if len(replies) != 3 || replies[1].Done != 1 || replies[2].Error != "context canceled" {
		t.Errorf("%+v", replies)
	}
}
