// Package widgets shows what changes while cells run: progress, charts, tables, clusters. A widget is data: one Go value, of which Bundle makes
// one output in several media types.
//
//   - application/vnd.mobula.<kind>.v1+json, the whole state, which Mobula's JupyterLab extension (folder labextension) draws;
//   - text/html, made of what every sanitiser lets through: images with data URIs, tables, meters;
//   - text/plain.
//
// So a saved notebook shows the last state everywhere: in a notebook that is not trusted, in nbconvert, in viewers that know nothing of Mobula.
// The schemas of the first are in folder schema.
//
// # Usage
//
//	loss := widgets.NewChart("loss", widgets.Axes{X: "epoch", LogY: true})
//	defer loss.Done()
//	for epoch := range 100 {
//		loss.Add("train", float64(epoch), step())
//	}
//
// The tasks of a cell are shown by a Progress without any call.
//
// # Concurrency
//
// Plain states (Progress, Chart, Table, Cluster, Timeline) are values; their Bundle reads them and has no clock. Live ones (LineChart) may be used from
// any goroutine. What they show is brought together: at most four updates a second, and always the last.
//
// # Testing
//
// Bundles are compared with golden files, which are checked against the schemas, and which the tests of the extension draw. Time is synctest's.
package widgets
