// Package batch runs a notebook from its first cell to its last without a front end, and puts what the cells show into it as JupyterLab
// saves it: streams joined, displays changed in place, results, errors. Cells mean what they mean in the kernel: the engine and the magics
// are its own.
//
// # Usage
//
//	err := batch.Run(ctx, nb, batch.Options{Open: open, Save: func() error { return nb.WriteFile("out.ipynb") }})
//	failed, ok := errors.AsType[*batch.CellError](err)
//
// A cell that fails ends the run, unless it is tagged raises-exception; the notebook then holds all that was there until then. The end of
// ctx interrupts the running cell.
//
// # Concurrency
//
// Run works on the notebook in its own goroutine, and calls Save and Observe there. Output is called by the engine's goroutines, one
// call at a time.
//
// # Testing
//
// Unit tests use a scripted engine. tests/kernel/test_notebook_run.py holds the results of real notebooks against nbclient's.
package batch
