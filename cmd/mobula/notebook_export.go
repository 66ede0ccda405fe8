package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"mobula"
	"mobula/notebook"
	"mobula/notebook/export"
)

// notebookExportCommand is  mobula notebook export.
func notebookExportCommand() *cobra.Command {
	var dir, name string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "make a Go program of a notebook",
		Long: `Make a Go module of a notebook: main.go, which a person may read and go on with, go.mod, and what the
program needs of Mobula, in third_party. Plain go builds it into one static binary, without a network
where the notebook imports no other modules.

The program does what the notebook does, cell by cell, and prints what it shows as text. The cell tagged
parameters becomes its flags, %cluster lines connect it, ! lines run a shell. Cells tagged no-export or
skip-execution are left out, one tagged raises-exception may panic. An earlier export is replaced.`,
		Example: `  mobula notebook export train.ipynb -o train
  mobula notebook export train.ipynb -o train && CGO_ENABLED=0 go build -C train && ./train/train -lr 0.01`,
		ValidArgsFunction: completeNotebook,
		Args:              func(_ *cobra.Command, args []string) error { return oneNotebook(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			name = cmp.Or(name, export.NameOf(args[0]))
			dir = cmp.Or(dir, name)
			if err := exportNotebook(cmd.Context(), cmd, args[0], dir, name); err != nil {
				return fmt.Errorf("export %s: %w", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().VarP(text{&dir, "DIR"}, "output", "o", "folder of the module (default the program's name, in the working directory)")
	textFlag(cmd, &name, "name", "NAME", "name of the program and its module (default that of the notebook)")
	completeFlag(cmd, "output", completeDirs)
	noCompletion(cmd, "name")
	return cmd
}

func exportNotebook(ctx context.Context, cmd *cobra.Command, path, dir, name string) error {
	nb, err := notebook.ReadFile(path)
	if err != nil {
		return err
	}
	warnings, err := export.Write(ctx, nb, dir, export.Options{Name: name, Title: filepath.Base(path), From: filepath.Dir(path), SDK: mobula.Source})
	for _, w := range warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s\n", w)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "The program is in %s. Build it with  CGO_ENABLED=0 go build -C %s\n", dir, dir)
	return err
}
