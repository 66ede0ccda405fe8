package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"mobula/kernel/spec"
)

// installRelocatable writes the kernelspec for the binary of the prefix that it is in.
func installRelocatable(dataDir string, out io.Writer) error {
	dir, err := spec.Install(dataDir, spec.OfPrefix)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Installed the kernel %q in %s, for bin/mobula of the same prefix.\n", spec.DisplayName, dir)
	return err
}

// install writes the kernelspec, and begins to build what the first cell needs.
func install(dataDir string, out io.Writer) error {
	binary, err := executable()
	if err != nil {
		return err
	}
	dir, err := spec.Install(dataDir, binary)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Installed the kernel %q in %s.\n", spec.DisplayName, dir)
	if err := prepareLater(binary); err != nil {
		fmt.Fprintf(out, "The session host is not being built in the background (%v); the first cell will do it.\n", err)
	}
	return nil
}

func uninstall(dataDir string, out io.Writer) error {
	dir, err := spec.Uninstall(dataDir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Removed %s.\n", dir)
	return nil
}

// executable is the path of this binary as Jupyter is to start it.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this binary: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("resolve the path of this binary: %w", err)
	}
	return path, nil
}

// prepareLater starts  mobula kernel prepare  as a process that outlives this one.
func prepareLater(binary string) error {
	cmd := exec.Command(binary, "kernel", "prepare")
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
