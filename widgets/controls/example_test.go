package controls_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"mobula/display"
	"mobula/widgets/controls"
)

// still prints what a saved notebook shows of a control.
func still(c controls.Control) { fmt.Println(c.Display()[display.MIMEText]) }

func Example() {
	alpha := controls.FloatSlider(controls.FloatRange{Max: 2, Value: 0.5}, "alpha")
	train := controls.Button("Train")
	log := controls.Output()
	alpha.OnChange(func(v float64) { fmt.Println("alpha is", v) })
	train.OnClick(func() { log.Capture(func() { fmt.Println("fit with", alpha.Value()) }) })
	still(controls.VBox(alpha, train, log))
	// Output:
	// alpha: 0.5 (0 to 2)
	// [Train]
}

func ExampleShow() {
	name, greet := controls.Text("name"), controls.Button("Greet")
	greet.OnClick(func() { fmt.Println("hello", name.Value()) })
	controls.Show(name, greet) // below the cell
	// Output:
}

func ExampleIntSlider() {
	n := controls.IntSlider(controls.Range{Min: 1, Max: 10, Value: 3}, "layers")
	n.Set(70) // the nearest that is allowed
	still(n)
	// Output: layers: 10 (1 to 10)
}

func ExampleFloatSlider() {
	rate := controls.FloatSlider(controls.FloatRange{Max: 1, Step: 0.05, Value: 0.1}, "rate", controls.OnRelease())
	fmt.Println(rate.Value())
	// Output: 0.1
}

func ExampleDropdown() {
	depth := controls.Dropdown([]int{18, 34, 50}, "depth", controls.Names("small", "middle", "large"))
	depth.Set(50)
	fmt.Println(depth.Value() + 1) // an int, whatever its name
	// Output: 51
}

func ExampleText() {
	path := controls.Text("path", controls.Placeholder("s3://..."))
	path.Set("rays.csv")
	still(path)
	// Output: path: rays.csv
}

func ExampleCheckbox() {
	shuffle := controls.Checkbox("shuffle")
	shuffle.Set(true)
	still(shuffle)
	// Output: ☑ shuffle
}

func ExampleInput_OnChange() {
	n, squared := controls.IntSlider(controls.Range{}, "n"), controls.Label("0")
	n.OnChange(func(v int) { squared.Set(fmt.Sprint(v * v)) }) // beside cells, also while one is busy
	controls.Show(n, squared)
	// Output:
}

func ExampleInput_Set() {
	n := controls.IntSlider(controls.Range{}, "n")
	n.Set(5) // calls no handler: those hear of the user
	fmt.Println(n.Value())
	// Output: 5
}

func ExampleInput_Value() {
	fmt.Println(controls.Checkbox("sure?").Value())
	// Output: false
}

func ExampleButton() {
	run := controls.Button("Run", controls.Style(controls.Primary), controls.Icon("play"), controls.Tooltip("all of it"))
	still(run)
	// Output: [Run]
}

func ExampleButtonControl_OnClick() {
	stop := controls.Button("Stop", controls.Style(controls.Danger))
	done := make(chan struct{})
	stop.OnClick(func() {
		stop.SetDisabled(true)
		close(done)
	})
	controls.Show(stop)
	// Output:
}

func ExampleButtonControl_SetLabel() {
	run := controls.Button("Run")
	run.SetLabel("Run again")
	still(run)
	// Output: [Run again]
}

func ExampleInput_SetLabel() {
	n := controls.IntSlider(controls.Range{Max: 5}, "n")
	n.SetLabel("trials")
	still(n)
	// Output: trials: 0 (0 to 5)
}

func ExampleInput_SetDisabled() {
	n := controls.IntSlider(controls.Range{}, "n", controls.Disabled())
	n.SetDisabled(false) // now the user may
	n.Set(7)             // code always may
	fmt.Println(n.Value())
	// Output: 7
}

func ExampleInput_Close() {
	n := controls.IntSlider(controls.Range{}, "n")
	controls.Show(n)
	n.Close() // the page keeps its text
	// Output:
}

func ExampleLabel() {
	state := controls.Label("waiting")
	state.Set("done")
	fmt.Println(state.Text())
	// Output: done
}

func ExampleHBox() {
	still(controls.HBox(controls.Checkbox("shuffle"), controls.Button("Go")))
	// Output: ☐ shuffle  [Go]
}

func ExampleVBox() {
	still(controls.VBox(controls.Label("two lines"), controls.Button("Go", controls.Width("100%"))))
	// Output:
	// two lines
	// [Go]
}

func ExampleBoxControl_Set() {
	form := controls.VBox()
	form.Set(controls.Label("one"), controls.Label("two")) // in place, where it is shown
	still(form)
	// Output:
	// one
	// two
}

func ExampleBoxControl_Style() {
	form := controls.VBox(controls.Label("careful"))
	form.Style(controls.Warning)
	still(form)
	// Output: careful
}

func ExampleOutput() {
	log := controls.Output()
	fmt.Fprintln(log, "epoch 1")
	log.Show(map[string]int{"loss": 3})
	fmt.Println(strings.Contains(fmt.Sprint(log.Display()[display.MIMEText]), "epoch 1"))
	// Output: true
}

func ExampleOutputControl_Capture() {
	log := controls.Output()
	log.Capture(func() { fmt.Println("into the area, where there is one") })
	// Output: into the area, where there is one
}

func ExampleOutputControl_Write() {
	log := controls.Output()
	fmt.Fprint(log, "fits")
	still(log)
	// Output: fits
}

func ExampleOutputControl_Show() {
	log := controls.Output()
	log.Show(42)
	still(log)
	// Output: 42
}

func ExampleOutputControl_Clear() {
	log := controls.Output()
	fmt.Fprint(log, "old")
	log.Clear()
	fmt.Fprint(log, "new")
	still(log)
	// Output: new
}

// counter is what a module of one's own and Go both see.
type counter struct {
	Clicks int    `json:"clicks"`
	Pixels []byte `json:"pixels"` // a DataView in the module
}

var module = controls.Module{ESM: `export default { render({ model, el }) {
	const b = document.createElement("button");
	b.textContent = model.get("clicks");
	b.onclick = () => { model.set("clicks", model.get("clicks") + 1); model.save_changes(); };
	model.on("change:clicks", () => { b.textContent = model.get("clicks"); });
	el.append(b);
} }`}

func ExampleAny() {
	c := controls.Any(module, counter{})
	c.OnChange(func(s counter) { fmt.Println("clicked", s.Clicks, "times") })
	c.Set(counter{Clicks: 3})
	fmt.Println(c.State().Clicks)
	// Output: 3
}

func ExampleAnyControl_Update() {
	c := controls.Any(module, counter{})
	c.Update(func(s *counter) { s.Clicks += 2 })
	fmt.Println(c.State().Clicks)
	// Output: 2
}

func ExampleAnyControl_OnMessage() {
	c := controls.Any(module, counter{})
	c.OnMessage(func(m controls.Message) { // model.send({"op": "grow"})
		var ask struct{ Op string }
		if err := m.Decode(&ask); err != nil {
			panic(err) // it is reported below the cell
		}
		_ = c.Send(map[string]string{"did": ask.Op})
	})
	controls.Show(c)
	// Output:
}

func ExampleAnyControl_Send() {
	c := controls.Any(module, counter{})
	fmt.Println(c.Send(map[string]string{"op": "redraw"}, []byte{1, 2, 3})) // dropped: nobody sees it yet
	// Output: <nil>
}

func ExampleAnyControl_Static() {
	c := controls.Any(module, counter{Clicks: 4})
	c.Static(func(s counter) any { return display.Text(fmt.Sprint(s.Clicks, " clicks")) })
	still(c)
	// Output: 4 clicks
}

func ExampleMessage_Decode() {
	m := controls.Message{Content: json.RawMessage(`{"x": 3}`)}
	var at struct{ X int }
	fmt.Println(m.Decode(&at), at.X)
	// Output: <nil> 3
}
