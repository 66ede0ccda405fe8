package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/bytesize"
	"mobula/internal/filepack"
	"mobula/internal/filestore"
)

// FileRef names a file by its content.
type FileRef = filestore.Ref

// DefaultGrace is how long a job that is stopped has between SIGTERM and SIGKILL.
const DefaultGrace = 3 * time.Second

// Spec says what to run. Only Entrypoint is needed.
type Spec struct {
	ID   string // letters, digits and . _ -; empty: one is made
	Name string // for people
	// Entrypoint is the program and its arguments. A program with a slash in its name is one of the working files, as in ./train; another one is
	// found by the PATH of the node.
	Entrypoint []string
	// WorkingDir is a folder of which the job gets a copy as its working directory: at most 512 MB, without what .gitignore and
	// .mobulaignore files in it exclude, without .git, and without links that lead out of it. Empty: the working directory has only Files.
	WorkingDir string
	// Files are put into the working directory, each under the last element of its name: programs and notebooks.
	Files []string
	// Archive is that of working files which the cluster has already, in place of WorkingDir and Files: see cluster/jobapi.
	Archive  *FileRef
	Env      map[string]string // variables beside the node's
	Metadata map[string]string // shown with the job

	// What the entrypoint itself takes of its node. Its tasks ask for their own; so the default is nothing.

	CPUs      float64
	GPUs      float64 // whole ones, or a part of one; the job sees only those that it was given
	Memory    int64   // bytes; its processes end where they hold more together (on Linux)
	Resources map[string]float64
	Labels    string // of the node, as in "zone=eu, disk!=hdd"

	// Outputs are files of the working directory, or patterns as of path.Match, that the cluster keeps when the job ends: see Output.
	Outputs []string
	// Retries is how often the entrypoint is run again where it, or its node, has failed. Default: not at all.
	Retries int
	// Grace is how long a job that is stopped has between SIGTERM and SIGKILL; 0: DefaultGrace; below 0: none.
	Grace time.Duration
	// OnNotice hears what its user should know: which files were left out, and how much is sent. nil: nobody does.
	OnNotice func(text string)
}

// Submit sends the working files, where the cluster does not have them yet, and submits a job. It returns when the cluster knows the job, which
// then runs without the caller. What no node can ever give is an error that says what is lacking.
func (c *Client) Submit(ctx context.Context, s Spec) (Job, error) {
	m, err := s.message()
	if err != nil {
		return Job{}, fmt.Errorf("submit a job: %w", err)
	}
	if err := c.checkPlatform(ctx, &s); err != nil {
		return Job{}, fmt.Errorf("submit a job: %w", err)
	}
	if m.Files = s.Archive; s.WorkingDir != "" || len(s.Files) > 0 {
		if m.Files, err = c.sendFiles(ctx, &s); err != nil {
			return Job{}, fmt.Errorf("submit a job: its working files: %w", err)
		}
	}
	job, err := headwire.Ask(ctx, c.caller, headwire.SubmitJob, m)
	if err != nil {
		return Job{}, fmt.Errorf("submit a job: %w", err)
	}
	return job, nil
}

// message is what the head is told, without the files.
func (s *Spec) message() (headwire.JobSubmission, error) {
	m := headwire.JobSubmission{
		ID: s.ID, Key: rand.Text(), Name: s.Name, Entrypoint: s.Entrypoint, Env: s.Env, Metadata: s.Metadata, Outputs: s.Outputs, Retries: s.Retries,
	}
	if len(s.Entrypoint) == 0 {
		return m, errors.New("it has no entrypoint: name a program and its arguments")
	}
	if m.ID == "" {
		m.ID = "job-" + strings.ToLower(rand.Text()[:8])
	}
	switch {
	case s.Grace == 0:
		m.Grace = DefaultGrace.Milliseconds()
	case s.Grace > 0:
		m.Grace = s.Grace.Milliseconds()
	}
	amounts := map[string]float64{sched.CPU: s.CPUs, sched.GPU: s.GPUs, sched.Memory: float64(s.Memory)}
	for name, amount := range s.Resources {
		if _, own := amounts[name]; own {
			return m, fmt.Errorf("resource %s has a field of its own", name)
		}
		amounts[name] = amount
	}
	for name, amount := range amounts {
		if amount < 0 {
			return m, fmt.Errorf("resource %s is %v: it cannot be negative", name, amount)
		}
		if amount == 0 {
			delete(amounts, name)
		}
	}
	class := wire.Class{Resources: amounts}
	if s.Labels != "" {
		class.Selector = []string{s.Labels}
	}
	needs, err := headwire.ParseClass(class)
	m.Resources, m.Selector = needs.Resources, needs.Selector
	return m, err
}

// sendFiles packs the working files and gives them to the head.
func (c *Client) sendFiles(ctx context.Context, s *Spec) (*filestore.Ref, error) {
	archive, err := os.CreateTemp("", "mobula-files-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(archive.Name())
	defer archive.Close()
	sum := filestore.NewSum()
	report, err := filepack.Pack(io.MultiWriter(archive, sum), s.WorkingDir, s.Files, filepack.Limit)
	if err != nil {
		return nil, err
	}
	for _, left := range report.LeftOut {
		s.notice("left out: %s", left)
	}
	ref := sum.Ref()
	have, err := headwire.Ask(ctx, c.caller, headwire.HaveFile, ref)
	if err == nil && have.Have == ref.Size {
		return &ref, nil
	}
	noun := "files"
	if report.Files == 1 {
		noun = "file"
	}
	s.notice("sending %d %s, %s", report.Files, noun, bytesize.Format(report.Size))
	return &ref, headclient.SendFile(ctx, c.caller, ref, archive)
}

func (s *Spec) notice(format string, args ...any) {
	if s.OnNotice != nil {
		s.OnNotice(fmt.Sprintf(format, args...))
	}
}
