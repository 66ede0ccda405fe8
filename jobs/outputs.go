package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mobula/cluster/headclient"
)

// Output writes a file that a job has left (Spec.Outputs) to w.
func (c *Client) Output(ctx context.Context, id, name string, w io.Writer) error {
	job, err := c.Status(ctx, id)
	if err != nil {
		return err
	}
	for _, f := range job.Outputs {
		if f.Name == name {
			return headclient.FetchFile(ctx, c.caller, f.Ref, w)
		}
	}
	if !Ended(job) {
		return fmt.Errorf("job %s has left no %s yet: its files are kept when it ends", id, name)
	}
	return fmt.Errorf("job %s has left no %s: %w", id, name, errNoOutput)
}

var errNoOutput = errors.New("only what it was submitted with as its outputs is kept")

// SaveOutput writes a file that a job has left into a folder, which it makes where there is none ("": the working directory), under the name that it
// has in Job.Outputs, and returns its path. Where there is such a file already the error is an fs.ErrExist, unless it is to be replaced.
func (c *Client) SaveOutput(ctx context.Context, id, name, dir string, replace bool) (string, error) {
	dir = cmp.Or(dir, ".")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir) // the name is not the caller's
	if err != nil {
		return "", err
	}
	defer root.Close()
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	if _, err := root.Lstat(name); err == nil && !replace {
		return "", fmt.Errorf("%s: %w", filepath.Join(dir, name), fs.ErrExist)
	}
	part := name + ".part" // what is there stays until all has come
	f, err := root.Create(part)
	if err != nil {
		return "", err
	}
	err = errors.Join(c.Output(ctx, id, filepath.ToSlash(name), f), f.Close())
	if err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		err = errors.Join(err, root.Remove(part))
	}
	return filepath.Join(dir, name), err
}
