// Package notebook reads, changes and writes Jupyter notebooks (nbformat 4), and knows what papermill's tags and metadata mean in them:
// the cell tagged parameters, the one tagged injected-parameters, and what a run leaves in metadata.papermill.
//
// A notebook that is read and written again holds all that it held, what this package does not understand included: unknown members, cells
// and outputs of other kinds, the order of keys, the text of numbers. Only what was changed is written anew, and the indentation is nbformat's.
//
// # Usage
//
//	nb, err := notebook.ReadFile("train.ipynb")
//	parameters, err := nb.Parameters()                                   // lr float64 = 0.1, from the cell tagged parameters
//	assignments, err := notebook.Resolve(parameters, []notebook.Given{{Name: "lr", Text: "0.5"}})
//	nb.Inject(assignments)                                               // lr = 0.5, in a cell behind it
//	err = nb.WriteFile("out.ipynb")
//
// Package notebook/batch runs notebooks, and notebook/export makes programs of them.
//
// # Concurrency
//
// A Notebook is for one goroutine at a time. Nothing is shared between two of them.
//
// # Testing
//
// Tables and golden files; FuzzParse holds that nothing is lost. Types of parameters are found by go/types without a toolchain.
package notebook
