package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// versionCommand tells what this binary is.
func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "tell the versions of mobula and of the Go that built it",
		Example: `  mobula version
  mobula version -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					Version string `json:"version"`
					Go      string `json:"go"`
					OS      string `json:"os"`
					Arch    string `json:"arch"`
				}{version, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

func versionLine() string {
	return fmt.Sprintf("mobula %s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
