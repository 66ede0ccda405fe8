// Package widgets holds live views as data: the state of a cluster, progress, a timeline of tasks, tables, line charts, actors and objects. Each is a
// plain struct whose method Display makes one MIME bundle of it, without a clock or I/O: its own media type, which Mobula's JupyterLab extension draws
// (widgets/labextension), HTML that survives the sanitiser of notebooks that are not trusted, with charts as images, and plain text. So a saved
// notebook shows the last state everywhere, without a kernel or the extension too.
//
// The JSON of a kind is described in widgets/schema; what is long is cut so that it stays below 200 KB, and says how much was left out.
//
// # Usage
//
//	chart := widgets.NewChart(widgets.Chart{Title: "loss", Y: widgets.Axis{Log: true}})
//	defer chart.Stop() // a view always shows how it ended
//	for step := range 1000 {
//		chart.Add("train", float64(step), loss(step))
//	}
//	chart.Done()
//
// NewChart, NewProgress and NewView show a widget under the cell and return the view by which it changes.
//
// # Concurrency
//
// Widgets are values: what one holds must not change while it is displayed. Views may be used from any goroutine. They show at most five states a
// second, and the last one always; one that nobody has ended is stopped by the kernel when the process ends (Stopped).
//
// # Testing
//
// Widgets need nothing; for views install a recording cellio.Port, and use testing/synctest. The bundles in testdata are golden files, which
// tests/browser draws too.
package widgets
