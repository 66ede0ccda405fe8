//go:build linux && amd64

package loader_test

import (
	"strings"
	"testing"

	"mobula/interp/loader"
	"mobula/interp/toolchain"
)

func TestSelfTest(t *testing.T) {
	b := testBench(t)
	out, err := b.run(t, nil, step{Self: toolchain.SelfTestArchive(b.host), Stats: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

func TestSelfTestWithoutC(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a session host")
	}
	b := withoutC.get(t, false)
	a := b.compile(t, "cell", `package main
import ("fmt"; "net/http"; "errors"; "io/fs")
func cell_1() { var e *fs.PathError; _, err := http.Dir("/none").Open("x"); fmt.Println(errors.As(err, &e)) }`)
	out, err := b.run(t, nil, step{Self: toolchain.SelfTestArchive(b.host)}, step{Unit: &loader.Unit{Archive: a, Define: []string{"main.cell_1"}}, Run: []string{"main.cell_1"}})
	if err != nil || out != "true\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestNotSupported(t *testing.T) {
	if _, err := loader.New(loader.Config{}); err != loader.ErrNotSupported {
		t.Errorf("got %v", err)
	}
}

// unit is one unit of a program of several.
type unit struct {
	source   string
	bodyless []string
	define   []string
	redirect [][2]string
	run      []string
	variable string
}

func TestPrograms(t *testing.T) {
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			b := testBench(t)
			var steps []step
			for _, u := range p.units {
				a := b.compile(t, "unit", "package main\n"+u.source, u.bodyless...)
				steps = append(steps, step{Var: u.variable, Unit: &loader.Unit{Archive: a, Define: u.define, Redirect: u.redirect}, Run: u.run})
			}
			steps = append(steps, step{Stats: true})
			out, err := b.run(t, []string{"GODEBUG=gccheckmark=1"}, steps...)
			out, _, _ = strings.Cut(out, "stats ")
			if err != nil || out != p.want {
				t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, out, p.want)
			}
		})
	}
}
