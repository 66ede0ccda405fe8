package archtest

import (
	"bufio"
	"bytes"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// policy is ARCHITECTURE.md's "Imports go one way". Do not edit it to make a build pass.
var policy = Policy{
	Module: "mobula",
	Layers: []Layer{
		{"waist", "internal/bulktls internal/bytesize internal/cellio internal/closure internal/codec internal/crash internal/eventually internal/fault internal/filelock internal/filepack internal/filestore internal/frame internal/golden internal/golocal internal/id internal/magicline internal/memo internal/nearest internal/peercred internal/program internal/reach internal/sysmem internal/utf8text"},
		{"object store", "objstore/..."},
		{"decisions of the cluster", "cluster/autoscale cluster/sched cluster/state"},
		{"log of the cluster", "cluster/statelog cluster/replog"},
		{"messages of the cluster", "cluster/wire cluster/headwire"},
		{"runtime of the cluster", "cluster/gpu cluster/worker cluster/driver cluster/headclient cluster/node cluster/head cluster/inspect cluster/session"},
		{"doctor and metrics of the cluster", "cluster/doctor cluster/metrics"},
		{"dashboard", "dashboard dashboard/..."},
		{"the SDK", ". arrowvalue jobs"},
		{"ways to submit jobs", "cluster/jobapi cluster/jobline"},
		{"what cells show", "display widgets widgets/controls widgets/labextension"},
		{"what the host links", "interp/direct interp/hostrpc interp/loader/... interp/cellrt"},
		{"session host", "interp/host/..."},
		{"parts of the engine", "interp/cell interp/clusterproc interp/complete interp/hostproc interp/overlay interp/toolchain interp/yaegi"},
		{"engine", "interp"},
		{"files that the command carries", "notebooks requirements"},
		{"notebooks", "notebook notebook/export"},
		{"kernel", "kernel kernel/... widgets/labextension"},
		{"notebooks as jobs", "notebook/batch"},
		{"what the command alone links", "cluster/gpu/nvml"},
		{"programs", "cmd/... tests/... bench/... internal/archtest internal/langtest"},
	},
	Bans: []Ban{
		{"kernel/wire", "interp", "the wire knows Jupyter and no Go evaluation"},
		{"kernel/spec", "interp", "installing a kernelspec needs no engine"},
		{"display", "interp/hostrpc", "what cells import does not know how it is carried"},
		{"widgets/...", "interp", "what cells import does not know how it is carried"},
		{"cluster/...", "interp", "the cluster carries code as opaque closures; who can run them is injected"},
	},
	HostOnly: ". internal/bulktls internal/bytesize internal/cellio internal/closure internal/codec internal/crash internal/fault internal/filelock internal/frame internal/golocal internal/id internal/memo internal/nearest internal/peercred internal/program internal/sysmem objstore objstore/... cluster/gpu cluster/sched cluster/wire cluster/headwire cluster/headclient cluster/worker cluster/driver cluster/node cluster/session display widgets widgets/controls interp/direct interp/hostrpc interp/loader/... interp/cellrt interp/host/... internal/filepack internal/filestore",
}

func module(t *testing.T) (map[string]*Package, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	packages, err := Load(os.DirFS(filepath.Join("..", "..")), fset)
	if err != nil {
		t.Fatal(err)
	}
	return packages, fset
}

func TestImports(t *testing.T) {
	packages, _ := module(t)
	for _, line := range policy.Check(packages) {
		t.Error(line)
	}
	t.Logf("%d packages checked", len(packages))
}

func TestPackageDocs(t *testing.T) {
	packages, _ := module(t)
	for _, line := range CheckDocs(packages) {
		t.Error(line)
	}
}

func TestSizes(t *testing.T) {
	packages, fset := module(t)
	over, broken := CheckSizes(packages, fset, Sizes{FileRule: 400, FileMost: 450, FuncRule: 40, FuncMost: 80})
	for _, line := range broken {
		t.Error(line)
	}
	for _, line := range over {
		t.Log(line)
	}
}

// foreign finds what ties a file to one machine. It is put together here so that this file does not hold it.
var foreign = regexp.MustCompile(strings.Join([]string{
	`(^|[^\w.])/wo` + `rk/`, `/ro` + `ot/`, `proxy\.gol` + `ang`, `py` + `pi\.org`, `files\.python` + `hosted`, `registry\.np` + `mjs`, `deb\.deb` + `ian`,
}, "|"))

func TestNothingForeign(t *testing.T) {
	checked := 0
	err := fs.WalkDir(os.DirFS(filepath.Join("..", "..")), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && name != ".ci" && skipped(entry.Name()):
			if entry.Name() == "testdata" {
				return nil
			}
			return fs.SkipDir
		case entry.IsDir() || !entry.Type().IsRegular() || filepath.Ext(name) == ".png" || name == ".git": // which is a file in a work tree beside the first
			return nil
		}
		data, err := os.ReadFile(filepath.Join("..", "..", name))
		checked++
		for i, line := range foreignLines(data) {
			t.Errorf("%s:%d names a machine's path or a registry's host: %s", name, i, line)
		}
		return err
	})
	if err != nil || checked == 0 {
		t.Fatalf("%d files checked: %v", checked, err)
	}
}

func foreignLines(data []byte) map[int]string {
	found := map[int]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for i := 1; lines.Scan(); i++ {
		if foreign.Match(lines.Bytes()) {
			found[i] = lines.Text()
		}
	}
	return found
}

// TestRulesBite tries every rule on a tree that breaks it.
func TestRulesBite(t *testing.T) {
	doc := "// Package x.\n//\n// # Concurrency\n//\n// # Testing\n"
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	cases := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"upward", fstest.MapFS{"display/a.go": file(doc + "package display\nimport _ \"mobula/kernel\"")}, "imports kernel"},
		{"not std", fstest.MapFS{"interp/loader/a.go": file(doc + "package loader\nimport _ \"golang.org/x/sys/unix\"")}, "links the standard library"},
		{"host reaches out", fstest.MapFS{"interp/host/a.go": file(doc + "package host\nimport _ \"mobula/interp/cell\"")}, "no part of the session host"},
		{"host through a file of its own", fstest.MapFS{
			"interp/host/a.go": file("//go:build mobulahost\n\n" + doc + "package host\nimport _ \"mobula/interp/cell\""),
		}, "no part of the session host"},
		{"no layer", fstest.MapFS{"strange/a.go": file(doc + "package strange\nimport _ \"os\"")}, "in no layer"},
		{"banned through another", fstest.MapFS{
			"kernel/wire/a.go": file(doc + "package wire\nimport _ \"mobula/kernel/b\""),
			"kernel/b/b.go":    file(doc + "package b\nimport _ \"mobula/interp\""),
		}, "kernel/wire must not depend on interp"},
		{"no doc", fstest.MapFS{"display/a.go": file("package display")}, "0 package comments"},
		{"two docs", fstest.MapFS{"display/a.go": file(doc + "package display"), "display/b.go": file(doc + "package display")}, "2 package comments"},
		{"no section", fstest.MapFS{"display/a.go": file("// Package display.\npackage display")}, "lacks a section"},
		{"long file", fstest.MapFS{"display/a.go": file(doc + "package display" + strings.Repeat("\n", 30))}, "display/a.go has"},
		{"long func", fstest.MapFS{"display/a.go": file(doc + "package display\nfunc f() {" + strings.Repeat("\n", 12) + "}")}, "a.go: f has 13"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fset := token.NewFileSet()
			packages, err := Load(c.files, fset)
			if err != nil {
				t.Fatal(err)
			}
			_, sizes := CheckSizes(packages, fset, Sizes{20, 25, 5, 10})
			got := fmt.Sprint(policy.Check(packages), CheckDocs(packages), sizes)
			if !strings.Contains(got, c.want) {
				t.Errorf("no %q in %s", c.want, got)
			}
		})
	}
	if len(foreignLines([]byte("see /wo"+"rk/x"))) != 1 {
		t.Error("a machine's path is not found")
	}
}

// TestFilesOfPrograms: a file that the session host is built without may import what the host must not.
func TestFilesOfPrograms(t *testing.T) {
	doc := "// Package x.\n//\n// # Concurrency\n//\n// # Testing\n"
	for tag, held := range map[string]bool{"": true, "//go:build mobulahost\n\n": true, "//go:build !mobulahost\n\n": false} {
		packages, err := Load(fstest.MapFS{
			"a.go":              {Data: []byte(doc + "package mobula")},
			"b.go":              {Data: []byte(tag + "package mobula\nimport _ \"mobula/cluster/head\"")},
			"cluster/head/a.go": {Data: []byte(doc + "package head")},
		}, token.NewFileSet())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(policy.Check(packages)); strings.Contains(got, "no part of the session host") != held {
			t.Errorf("%q: %s", tag, got)
		}
	}
}
