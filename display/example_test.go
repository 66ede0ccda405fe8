package display_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"strings"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
)

// printer stands for the front end: it prints one media type of what is shown.
type printer string

func (p printer) Display(d cellio.Display) error {
	var s string
	if json.Unmarshal(d.Data[string(p)], &s) != nil {
		s = string(d.Data[string(p)])
	}
	fmt.Println(s)
	return nil
}
func (printer) ClearOutput(bool) error                 { fmt.Println("(cleared)"); return nil }
func (printer) Input(p string, _ bool) (string, error) { return "Ada", nil }

func show(mime string) { cellio.Install(printer(mime)) }

// ends stands for the front end too: it prints how bars end, without the time they took.
type ends struct{ cellio.Discard }

func (ends) Display(d cellio.Display) error {
	var text string
	if err := json.Unmarshal(d.Data[display.MIMEText], &text); err != nil {
		return err
	}
	if state, _, ended := strings.Cut(text, " in "); ended {
		fmt.Println(state)
	}
	return nil
}

func ExampleShow() {
	show(display.MIMEText)
	display.Show(1, "two", []float64{3})
	// Output:
	// 1
	// "two"
	// []float64{3}
}

type celsius float64

func (c celsius) Display() display.Bundle {
	return display.Bundle{display.MIMEMarkdown: fmt.Sprintf("**%.1f °C**", float64(c))}
}

func ExampleDisplayer() {
	show(display.MIMEMarkdown)
	display.Show(celsius(21))
	// Output: **21.0 °C**
}

func ExampleBundle() {
	show(display.MIMEHTML)
	display.Show(display.Bundle{"text/html": "<b>x</b>", "text/plain": "x"})
	// Output: <b>x</b>
}

func ExampleOf() {
	d := display.Of(struct{ X, Y int }{1, 2})
	fmt.Println(string(d["text/plain"]))
	// Output: "struct { X int; Y int }{X: 1, Y: 2}"
}

func ExampleSprint() {
	fmt.Println(display.Sprint(map[string][]int{"a": {1}}))
	// Output: map[string][]int{"a": []int{1}}
}

func ExampleText() {
	show(display.MIMEText)
	display.Show(display.Text("no quotes"))
	// Output: no quotes
}

func ExampleHTML() {
	show(display.MIMEHTML)
	display.Show(display.HTML("<em>hi</em>"))
	// Output: <em>hi</em>
}

func ExampleMarkdown() {
	show(display.MIMEMarkdown)
	display.Show(display.Markdown("# Title"))
	// Output: # Title
}

func ExampleLaTeX() {
	show(display.MIMELaTeX)
	display.Show(display.LaTeX(`$\sqrt{x}$`))
	// Output: $\sqrt{x}$
}

func ExampleSVG() {
	show(display.MIMEHTML)
	display.Show(display.SVG("<svg/>"))
	// Output: <img alt="SVG image" src="data:image/svg+xml;base64,PHN2Zy8+">
}

func ExampleJSON() {
	show(display.MIMEJSON)
	display.Show(display.JSON([]int{1, 2}))
	// Output:
	// [
	//   1,
	//   2
	// ]
}

func ExampleVegaLite() {
	show(display.MIMEVegaLite)
	display.Show(display.VegaLite(`{"mark":"bar"}`))
	// Output: {"mark":"bar"}
}

func ExampleImage() {
	show(display.MIMEText)
	display.Show(display.Image(image.NewGray(image.Rect(0, 0, 4, 3))))
	// Output: <image 4x3>
}

func ExampleImageJPEG() {
	show(display.MIMEText)
	display.Show(display.ImageJPEG(image.NewGray(image.Rect(0, 0, 4, 3)), 80))
	// Output: <image 4x3>
}

func ExamplePNG() {
	show(display.MIMEText)
	display.Show(display.PNG("not a PNG"))
	// Output: display: 9 bytes are not image/png: png: invalid format: not a PNG file
}

func ExampleJPEG() {
	show(display.MIMEText)
	display.Show(display.JPEG("not a JPEG"))
	// Output: display: 10 bytes are not image/jpeg: invalid JPEG format: missing SOI marker
}

type city struct {
	Name   string
	People int
}

var cities = []city{{"Oslo", 700_000}, {"Bergen", 290_000}}

func ExampleTable() {
	show(display.MIMEText)
	display.Show(display.Table(cities, display.MaxRows(1)))
	// Output:
	// Name  People
	// Oslo  700000
	// … 1 more rows
}

func ExampleMaxRows() {
	show(display.MIMEText)
	display.Show(display.Table([]int{7, 8, 9}, display.MaxRows(2)))
	// Output:
	// value
	//     7
	//     8
	// … 1 more rows
}

func ExampleCaption() {
	show(display.MIMEText)
	display.Show(display.Table([]int{7}, display.Caption("Numbers")))
	// Output:
	// Numbers
	// value
	//     7
}

func ExampleColumns() {
	show(display.MIMEText)
	display.Show(display.Table(cities, display.Columns("Name")))
	// Output:
	// Name
	// Oslo
	// Bergen
}

func ExampleLive() {
	show(display.MIMEText)
	h := display.Live("waiting")
	h.Update("done")
	// Output:
	// "waiting"
	// "done"
}

func ExampleHandle_Update() {
	show(display.MIMEMarkdown)
	status := display.Live(display.Markdown("*loading*"))
	for step := range 2 {
		status.Update(display.Markdown(fmt.Sprintf("step **%d**", step+1)))
	}
	// Output:
	// *loading*
	// step **1**
	// step **2**
}

func ExampleHandle_ID() {
	cellio.Install(cellio.Discard{})
	a, b := display.Live(1), display.Live(1)
	fmt.Println(a.ID() != b.ID())
	// Output: true
}

func ExampleHandle_Show() {
	show(display.MIMEText)
	h := display.Live(1)
	h.Show(1)
	// Output:
	// 1
	// 1
}

func ExampleClear() {
	show(display.MIMEText)
	display.Clear(false)
	// Output: (cleared)
}

func ExampleInput() {
	show(display.MIMEText)
	name, err := display.Input("Your name? ")
	fmt.Println(name, err)
	// Output: Ada <nil>
}

func ExamplePassword() {
	show(display.MIMEText)
	secret, err := display.Password("Token: ")
	fmt.Println(len(secret), err)
	// Output: 3 <nil>
}

func ExampleProgress() {
	cellio.Install(cellio.Discard{})
	for i, name := range display.Progress([]string{"a", "b"}, "files") {
		fmt.Println(i, name)
	}
	// Output:
	// 0 a
	// 1 b
}

func ExampleProgressN() {
	cellio.Install(cellio.Discard{})
	for i := range display.ProgressN(2) {
		fmt.Println(i)
	}
	// Output:
	// 0
	// 1
}

func ExampleProgressSeq() {
	cellio.Install(cellio.Discard{})
	words := func(yield func(string) bool) { _ = yield("a") && yield("b") }
	for w := range display.ProgressSeq(words) {
		fmt.Println(w)
	}
	// Output:
	// a
	// b
}

func ExampleNewBar() {
	cellio.Install(ends{})
	bar := display.NewBar(3, "steps")
	defer bar.Stop() // a bar always shows how it ended
	for range 3 {
		bar.Add(1)
	}
	bar.Done()
	// Output: steps [####################] 3/3 done
}

func ExampleBar_Add() {
	cellio.Install(ends{})
	bar := display.NewBar(1000, "bytes")
	for _, chunk := range [][]byte{make([]byte, 400), make([]byte, 350)} {
		bar.Add(len(chunk))
	}
	bar.Stop()
	// Output: bytes [###############.....] 750/1000 stopped
}

func ExampleBar_Set() {
	cellio.Install(ends{})
	bar := display.NewBar(4, "epochs")
	for epoch := range 4 {
		bar.Set(epoch + 1)
	}
	bar.Done()
	// Output: epochs [####################] 4/4 done
}

func ExampleBar_SetLabel() {
	cellio.Install(ends{})
	bar := display.NewBar(2)
	for _, name := range []string{"reading", "writing"} {
		bar.SetLabel(name)
		bar.Add(1)
	}
	bar.Done()
	// Output: writing [####################] 2/2 done
}

func ExampleBar_Done() {
	cellio.Install(ends{})
	bar := display.NewBar(0, "lines") // the number of steps is not known
	bar.Add(12)
	bar.Done()
	// Output: lines  12 done
}

func ExampleBar_Stop() {
	cellio.Install(ends{})
	search := func(names []string, want string) int {
		bar := display.NewBar(len(names), "searching")
		defer bar.Stop()
		for i, name := range names {
			if name == want {
				return i
			}
			bar.Add(1)
		}
		return -1
	}
	fmt.Println(search([]string{"eagle", "manta", "mobula", "sting"}, "mobula"))
	// Output:
	// searching [##########..........] 2/4 stopped
	// 2
}

func ExampleBar_Fail() {
	cellio.Install(ends{})
	bar := display.NewBar(4, "upload")
	bar.Add(1)
	bar.Fail(errors.New("connection lost"))
	// Output: upload: connection lost [#####...............] 1/4 failed
}

func ExampleGridOf() {
	g, err := display.GridOf(cities, display.MaxRows(1))
	fmt.Println(g.Columns, g.Cells, g.MoreRows, err)
	// Output: [Name People] [[Oslo 700000]] 1 <nil>
}

func ExampleGrid() {
	g := display.Grid{Columns: []string{"n"}, Right: []bool{true}, Cells: [][]string{{"7"}, {"10"}}, MoreRows: 3}
	fmt.Println(g.Text())
	fmt.Println(g.Omitted())
	// Output:
	//  n
	//  7
	// 10
	// … 3 more rows
	// … 3 more rows
}

func ExampleImageTag() {
	fmt.Println(display.ImageTag(display.MIMESVG, []byte("<svg/>"), "a < b"))
	// Output: <img alt="a &lt; b" src="data:image/svg+xml;base64,PHN2Zy8+">
}

func ExampleDuration() {
	fmt.Println(display.Duration(1234*time.Microsecond), display.Duration(90*time.Second+time.Millisecond))
	// Output: 1ms 1m30s
}

func ExampleUpdater() {
	show(display.MIMEText)
	n := 0
	u := display.NewUpdater(func() any { return n })
	for range 1000 {
		u.Change(func() { n++ }) // shown at most five times a second
	}
	u.End(func() {})
	// Output:
	// 0
	// 1000
}

func ExampleUpdater_Change() {
	show(display.MIMEText)
	state := display.Text("waiting")
	u := display.NewUpdater(func() any { return state })
	u.Change(func() { state = "running" })
	u.End(func() { state += ", ended" })
	// Output:
	// waiting
	// running, ended
}

func ExampleUpdater_End() {
	show(display.MIMEText)
	n := 1
	u := display.NewUpdater(func() any { return n })
	u.End(func() { n = 2 })
	u.End(func() { n = 3 }) // only the first counts
	// Output:
	// 1
	// 2
}

func ExampleUpdater_ID() {
	cellio.Install(cellio.Discard{})
	a, b := display.NewUpdater(func() any { return 1 }), display.NewUpdater(func() any { return 1 })
	fmt.Println(a.ID() != b.ID())
	// Output: true
}
