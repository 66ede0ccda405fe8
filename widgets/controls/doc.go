// Package controls lets a notebook's Go code and its user talk: sliders, dropdowns, texts, checkboxes, buttons, areas for output, boxes,
// and controls of one's own. The front end draws them with ipywidgets (or anywidget, for Any), which JupyterLab, Notebook 7 and VS Code
// have or can install.
//
// # Usage
//
//	alpha := controls.FloatSlider(controls.FloatRange{Max: 2}, "alpha")
//	train := controls.Button("Train")
//	log := controls.Output()
//	alpha.OnChange(func(v float64) { fmt.Println("alpha is", v) })
//	train.OnClick(func() { log.Capture(func() { fit(alpha.Value()) }) })
//	controls.Show(controls.VBox(alpha, train, log))
//
// A control is shown by Show, or as the value of a cell's last expression. Handlers run beside cells, also while one is busy; what they
// print appears under the cell that has shown the control first, unless an Output captures it. A handler that panics is reported there,
// and ends nothing else. While a handler works its control sends at most one change more, the last: so it never lags behind the user's hand.
// A click waits for the handler of the click before it. Interrupt ends a handler that does not return.
//
// The state is here, so a page that is loaded again shows what is, and saved notebooks show a static twin, which replaces the control when
// the session ends. A mistake in the arguments of a constructor panics, and so fails the cell at its line.
// In a program without a front end controls keep their values, and nobody changes them.
//
// A control stays until it is closed (Close) or the session ends, whether or not something still shows it: cells that are run again
// make new ones.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine. The handlers of one control run one at a time, those of several at the same
// time. Changes are gathered: at most 20 messages a second leave for one control and 500 for all, and the last state is always sent.
// Lock order: hub.sending, hub.mu, the port's; none is held while a handler or other code of the user runs.
//
// # Testing
//
// Tests install a cellio.CommPort that records, under testing/synctest. tests/kernel holds the models against those of ipywidgets,
// tests/browser drives them in JupyterLab.
package controls
