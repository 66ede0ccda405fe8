package display_test

import (
	"os"
	"strings"
	"testing"

	"mobula/display"
	"mobula/internal/cellio"
)

func ExamplePrintTo() {
	defer display.PrintTo(os.Stdout)() // in main
	display.Show([]int{1, 2})
	h := display.Live("begun")
	h.Update("half")
	h.Update("done")
	// Output:
	// []int{1, 2}
	// "begun"
	// "done"
}

func TestPrintTo(t *testing.T) {
	old := cellio.Current()
	t.Cleanup(func() { cellio.Install(old) })
	var b strings.Builder
	finish := display.PrintTo(&b)
	display.Show("a", 1)
	same := display.Live(display.Markdown("*x*"))
	same.Update(display.Markdown("*x*"))
	if _, err := display.Input("who? "); err == nil {
		t.Error("somebody was asked")
	}
	display.Clear(true)
	finish()
	finish()
	if got := b.String(); got != "\"a\"\n1\n*x*\n" {
		t.Errorf("%q", got)
	}
}
