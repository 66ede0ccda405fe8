package widgets_test

import (
	"fmt"

	"mobula/display"
	"mobula/widgets"
)

func ExampleNewChart() {
	loss := widgets.NewChart("loss", widgets.Axes{X: "epoch", Y: "loss", LogY: true})
	defer loss.Done()
	for epoch := 1; epoch <= 3; epoch++ {
		loss.Add("train", float64(epoch), 1/float64(epoch))
	}
	fmt.Println(len(loss.State().Series[0].X), "points")
	// Output: 3 points
}

func ExampleLineChart_Set() {
	c := widgets.NewChart("squares", widgets.Axes{})
	err := c.Set("x squared", []float64{1, 2, 3}, []float64{1, 4, 9})
	c.Done()
	fmt.Println(c.State().State, err)
	// Output: finished <nil>
}

func ExampleChart() {
	c := widgets.Chart{Title: "squares", State: widgets.Finished, Series: []widgets.Curve{{Name: "y", X: widgets.Values{1, 2}, Y: widgets.Values{1, 4}}}}
	fmt.Println(c.Bundle()[display.MIMEText])
	// Output:
	// squares
	// line  points  last x  last y  least y  greatest y
	// y          2       2       4        1           4
}

func ExampleTable() {
	t := widgets.Table{Title: "carriers", Columns: []widgets.Column{{Name: "name"}, {Name: "flights", Numeric: true}}, Rows: [][]string{{"UA", "58665"}, {"OO", "32"}}}
	fmt.Println(t.Bundle()[display.MIMEText])
	// Output:
	// carriers
	// name  flights
	// UA      58665
	// OO         32
}

func ExampleProgress() {
	p := widgets.Progress{Title: "scan", State: widgets.Running, Now: 2000, Bars: []widgets.Bar{{Name: "files", Total: 10, Done: 4}}}
	fmt.Println(p.Bundle()[display.MIMEText])
	// Output:
	// scan: running, 2s
	//   files [########............] 4/10, 2 a second, 2s, 3s left
}

func ExampleCluster() {
	c := widgets.Cluster{Title: "lab", Nodes: 1, Address: "/run/node.sock"}
	fmt.Println(c.Bundle()[display.MIMEText])
	// Output:
	// lab
	//   workers  0
	//   tasks    none
	//   address  /run/node.sock
}

func ExampleMIME() {
	fmt.Println(widgets.MIME("chart"))
	// Output: application/vnd.mobula.chart.v1+json
}
