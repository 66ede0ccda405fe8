// Package export makes a Go program of a notebook: a module with one main.go, which builds into a static binary and prints what the notebook
// shows.
//
// A notebook is one Go package already. What it declares is declared in the file; its statements are main, cell by cell, in order.
// A variable of the notebook is a local variable of main, or one of the package where a function uses it. Where the notebook means more than
// one program can say, these are the rules:
//
//   - A variable that is declared again with the same type is assigned to; with another type it gets a name of its own, with a number.
//   - A function that is declared again is a variable, which each cell sets to its own version; of types, constants and methods that are
//     declared again the last declaration counts.
//   - The last expression of a cell is printed, as its text form.
//   - The cell tagged parameters comes first, and each of its variables is a flag of the program.
//   - %cluster connect and start become mobula.Connect, %cluster stop becomes mobula.Close, ! lines and %%bash run a shell; %cd, %env and
//     %%writefile become calls. Other magics stay as comments.
//   - A cell tagged raises-exception may panic, the program goes on. Cells tagged no-export and skip-execution are left out.
//
// # Usage
//
//	warnings, err := export.Write(ctx, nb, "train", export.Options{Name: "train", SDK: mobula.Source})
//
// # Concurrency
//
// Write may be called from any goroutine; two calls must not write to one folder.
//
// # Testing
//
// Golden programs of small notebooks, each built by plain go, vetted and run; the quickstart's results against those of its run.
package export
