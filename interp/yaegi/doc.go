// Package yaegi is the tier for machines without a Go toolchain: cells are interpreted by
// github.com/traefik/yaegi, in a child process, so that nothing a cell does ends the
// kernel.
//
// Engine is the kernel's side. It checks a cell with go/types (the packages' types are
// read from the interpreter's own symbol tables), rewrites newer syntax into what yaegi
// knows, and says of what is left that yaegi cannot do it. Serve is the child's side; the
// two speak hostrpc, with Source requests.
//
// # Usage
//
//	e, err := yaegi.Open(ctx, yaegi.Options{Sink: sink})   // in the kernel
//	err := yaegi.Main(ctx)                                  // in `mobula host --interpreted`
//
// # Concurrency
//
// Run, Evaluate and Reset exclude each other and queue.
// An interrupt ends interpreted code between two statements; a cell that does not end
// within 300 ms, as it waits in compiled code, is ended together with its process, and
// the variables with it.
//
// # Testing
//
// The test binary runs itself as the child process.
package yaegi

import (
	"maps"
	"reflect"

	"github.com/traefik/yaegi/interp"
	"github.com/traefik/yaegi/stdlib"
	"github.com/traefik/yaegi/stdlib/unrestricted"

	"mobula/display"
	"mobula/widgets"
)

// helpers is the package that lowered code calls; its name is not one that users write.
const (
	helpersPath = "mobula/interp/yaegi/cellhost"
	helpersName = "mobulahost"
)

// symbols returns what cells can import. The values of os.Exit and of the helpers are
// for the type checker; Serve replaces them.
func symbols() interp.Exports {
	all := interp.Exports{}
	for _, set := range []map[string]map[string]reflect.Value{
		stdlib.Symbols, unrestricted.Symbols, displaySymbols(), widgetsSymbols(),
		{helpersPath + "/" + helpersName: {
			"Show": reflect.ValueOf(func(...any) {}), "Evaluate": reflect.ValueOf(func(...any) {}),
			"String": reflect.ValueOf(asText), "Error": reflect.ValueOf(asText),
			"Display": reflect.ValueOf(func(b display.Bundle) display.Bundle { return b }),
		}},
	} {
		for path, names := range set {
			merged := map[string]reflect.Value{}
			maps.Copy(merged, all[path])
			maps.Copy(merged, names)
			all[path] = merged
		}
	}
	return all
}

func asText(s string) display.Text { return display.Text(s) }

// displaySymbols is package display as far as it is not generic.
func displaySymbols() map[string]map[string]reflect.Value {
	f, t := reflect.ValueOf, func(p any) reflect.Value { return reflect.ValueOf(p) }
	return map[string]map[string]reflect.Value{"mobula/display/display": {
		"Show": f(display.Show), "Live": f(display.Live), "Clear": f(display.Clear), "Input": f(display.Input),
		"Duration": f(display.Duration), "GridOf": f(display.GridOf), "ImageTag": f(display.ImageTag), "NewUpdater": f(display.NewUpdater),
		"Grid": t((*display.Grid)(nil)), "Updater": t((*display.Updater)(nil)),
		"Password": f(display.Password), "Of": f(display.Of), "Sprint": f(display.Sprint), "Table": f(display.Table),
		"MaxRows": f(display.MaxRows), "Caption": f(display.Caption), "Columns": f(display.Columns),
		"Image": f(display.Image), "ImageJPEG": f(display.ImageJPEG), "JSON": f(display.JSON),
		"VegaLite": f(display.VegaLite), "NewBar": f(display.NewBar), "ProgressN": f(display.ProgressN),
		"Bundle": t((*display.Bundle)(nil)), "Handle": t((*display.Handle)(nil)), "Bar": t((*display.Bar)(nil)),
		"Text": t((*display.Text)(nil)), "HTML": t((*display.HTML)(nil)), "Markdown": t((*display.Markdown)(nil)),
		"LaTeX": t((*display.LaTeX)(nil)), "SVG": t((*display.SVG)(nil)), "PNG": t((*display.PNG)(nil)),
		"JPEG": t((*display.JPEG)(nil)), "TableOption": t((*display.TableOption)(nil)),
		"MIMEText": f(display.MIMEText), "MIMEHTML": f(display.MIMEHTML), "MIMEMarkdown": f(display.MIMEMarkdown),
		"MIMELaTeX": f(display.MIMELaTeX), "MIMEJSON": f(display.MIMEJSON), "MIMESVG": f(display.MIMESVG),
		"MIMEPNG": f(display.MIMEPNG), "MIMEJPEG": f(display.MIMEJPEG), "MIMEVegaLite": f(display.MIMEVegaLite),
	}}
}

// widgetsSymbols is package widgets as far as it is not generic.
func widgetsSymbols() map[string]map[string]reflect.Value {
	f, t := reflect.ValueOf, func(p any) reflect.Value { return reflect.ValueOf(p) }
	return map[string]map[string]reflect.Value{"mobula/widgets/widgets": {
		"NewChart": f(widgets.NewChart), "NewProgress": f(widgets.NewProgress), "TableOf": f(widgets.TableOf),
		"TimelineOf": f(widgets.TimelineOf), "MIME": f(widgets.MIME), "Cancel": f(widgets.Cancel), "Going": f(widgets.Going), "Stopped": f(widgets.Stopped),
		"StateRunning": f(widgets.StateRunning), "StateDone": f(widgets.StateDone), "StateFailed": f(widgets.StateFailed),
		"StateCancelled": f(widgets.StateCancelled), "StateStopped": f(widgets.StateStopped), "Faded": f(widgets.Faded),
		"Strong": f(widgets.Strong), "Actor": t((*widgets.Actor)(nil)), "Actors": t((*widgets.Actors)(nil)),
		"Attempt": t((*widgets.Attempt)(nil)), "Axis": t((*widgets.Axis)(nil)), "Chart": t((*widgets.Chart)(nil)),
		"ChartView": t((*widgets.ChartView)(nil)), "Cluster": t((*widgets.Cluster)(nil)), "Column": t((*widgets.Column)(nil)),
		"Counts": t((*widgets.Counts)(nil)), "Emphasis": t((*widgets.Emphasis)(nil)), "Job": t((*widgets.Job)(nil)),
		"Lane": t((*widgets.Lane)(nil)), "Node": t((*widgets.Node)(nil)), "Object": t((*widgets.Object)(nil)),
		"Objects": t((*widgets.Objects)(nil)), "Progress": t((*widgets.Progress)(nil)),
		"ProgressView": t((*widgets.ProgressView)(nil)), "Resource": t((*widgets.Resource)(nil)),
		"Series": t((*widgets.Series)(nil)), "Span": t((*widgets.Span)(nil)), "State": t((*widgets.State)(nil)),
		"Store": t((*widgets.Store)(nil)), "Table": t((*widgets.Table)(nil)), "Timeline": t((*widgets.Timeline)(nil)),
		"Total": t((*widgets.Total)(nil)), "Values": t((*widgets.Values)(nil)), "Waiting": t((*widgets.Waiting)(nil)),
	}}
}
