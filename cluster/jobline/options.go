package jobline

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mobula/internal/bytesize"
	"mobula/jobs"
)

// Options are the flags.
type Options struct {
	// LookupEnv finds the value of a variable that is given by its name alone; nil: in the environment of this process.
	LookupEnv func(name string) (string, bool)
	// Path makes a folder that a flag names one of this process; nil: as it is.
	Path func(name string) (string, error)

	id, name, workingDir, labels string
	cpus, gpus                   float64
	memory                       int64
	resources                    map[string]float64
	env, metadata                map[string]string
	keep, parameters             []string
	retries                      int
	grace                        time.Duration
}

// value is the value of a flag. what stands for it in help.
type value struct {
	what, shown string
	set         func(text string) error
}

func (v *value) String() string { return v.shown }

func (v *value) Set(text string) error { return v.set(text) }

func (v *value) Type() string { return v.what }

// Register declares the flags.
func (o *Options) Register(f *pflag.FlagSet) {
	o.resources, o.env, o.metadata, o.grace = map[string]float64{}, map[string]string{}, map[string]string{}, jobs.DefaultGrace
	text := func(to *string) func(string) error {
		return func(s string) error { *to = s; return nil }
	}
	for _, x := range []struct {
		name, what, shown, usage string
		set                      func(string) error
	}{
		{"id", "ID", "", "its id: letters, digits and . _ - (default one is made)", text(&o.id)},
		{"name", "NAME", "", "its name, for people (default that of what is submitted)", text(&o.name)},
		{"working-dir", "DIR", "", "folder that it gets a copy of (default only what is submitted)", o.setWorkingDir},
		{"env", "NAME=VALUE", "", "variable of its environment; NAME alone: as it is here (default those of its node)", o.addVariable},
		{"metadata", "NAME=VALUE", "", "shown with the job (default none)", func(s string) error { return addPair(o.metadata, s) }},
		{"cpus", "N", "", "CPUs that the entrypoint itself takes; its tasks take their own (default 0)", amount(&o.cpus)},
		{"gpus", "N", "", "GPUs that the entrypoint itself takes and sees (default 0)", amount(&o.gpus)},
		{"memory", "SIZE", "", "memory that it may hold, taken of its node, as in 4GB (default no bound)", o.setMemory},
		{"resources", "NAME=N,...", "", "custom resources that it takes (default none)", o.addResources},
		{"labels", "LABELS", "", "of the node that it is to run on, as in zone=eu (default any)", text(&o.labels)},
		{"retries", "N", "", "how often it is run again where it, or its node, has failed (default 0)", o.setRetries},
		{"grace", "DURATION", "3s", "time from SIGTERM to SIGKILL where it is stopped", o.setGrace},
		{"keep", "FILE", "", "file, or pattern, of its working directory to keep (default the executed notebook)", func(s string) error { o.keep = append(o.keep, s); return nil }},
	} {
		f.Var(&value{x.what, x.shown, x.set}, x.name, x.usage)
	}
	f.VarP(&value{"NAME=VALUE", "", o.addParameter}, "parameter", "p", "value of a parameter of the notebook; several may be given (default none)")
}

func (o *Options) setWorkingDir(name string) (err error) {
	if o.workingDir = name; o.Path != nil {
		o.workingDir, err = o.Path(name)
	}
	return err
}

func amount(to *float64) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n < 0 {
			return errors.New("is no number from 0 on, such as 2 or 0.5")
		}
		*to = n
		return nil
	}
}

func (o *Options) setMemory(s string) (err error) {
	if o.memory, err = bytesize.Parse(s); err != nil {
		return fmt.Errorf("is no size: %w", err)
	}
	return nil
}

func (o *Options) setRetries(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return errors.New("is no number from 0 on")
	}
	o.retries = int(n)
	return nil
}

func (o *Options) setGrace(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return errors.New("is no time such as 10s or 2m")
	}
	if o.grace = d; d == 0 {
		o.grace = -1 // none: 0 is the default
	}
	return nil
}

func (o *Options) addResources(s string) error {
	for pair := range strings.SplitSeq(s, ",") {
		name, text, ok := strings.Cut(pair, "=")
		n, err := strconv.ParseFloat(text, 64)
		if !ok || name == "" || err != nil || n < 0 {
			return errors.New("is not of the form NAME=N, with commas between them")
		}
		o.resources[name] = n
	}
	return nil
}

func (o *Options) addVariable(s string) error {
	if !strings.Contains(s, "=") {
		lookup := o.LookupEnv
		if lookup == nil {
			lookup = os.LookupEnv
		}
		value, ok := lookup(s)
		if !ok {
			return errors.New("is not set here: give NAME=VALUE")
		}
		s += "=" + value
	}
	return addPair(o.env, s)
}

func (o *Options) addParameter(s string) error {
	o.parameters = append(o.parameters, "-p", s)
	return addPair(map[string]string{}, s)
}

func addPair(to map[string]string, s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("is not of the form NAME=VALUE")
	}
	to[name] = value
	return nil
}

// Spec is what is submitted.
func (o *Options) Spec(t Target) (jobs.Spec, error) {
	s := jobs.Spec{
		ID: o.id, Name: o.name, WorkingDir: o.workingDir, Env: o.env, Metadata: o.metadata, CPUs: o.cpus, GPUs: o.gpus, Memory: o.memory, Resources: o.resources,
		Labels: o.labels, Outputs: o.keep, Retries: o.retries, Grace: o.grace,
	}
	if len(o.parameters) > 0 && t.Kind != Notebook {
		return s, errors.New("-p is for notebooks; the words behind a program are its own")
	}
	switch t.Kind {
	case Command:
		s.Entrypoint = t.Args
		s.Name = cmp.Or(s.Name, filepath.Base(t.Args[0]))
		return s, nil
	case Notebook:
		return s, o.notebook(&s, t)
	case Program:
		name := filepath.Base(t.Path)
		s.Files = append(s.Files, t.Path)
		s.Entrypoint = append([]string{"./" + name}, t.Args...)
		s.Name = cmp.Or(s.Name, name)
		return s, nil
	}
	return s, fmt.Errorf("%s is a folder: build its program first", t.Path)
}

// notebook submits a notebook, which the mobula of a node runs.
func (o *Options) notebook(s *jobs.Spec, t Target) error {
	name := filepath.Base(t.Path)
	if o.workingDir == "" {
		s.Files = append(s.Files, t.Path)
	} else {
		inside, err := relative(o.workingDir, t.Path)
		if err != nil {
			return fmt.Errorf("%s is not in the working directory %s: leave --working-dir out, or name the folder that it is in", t.Path, o.workingDir)
		}
		name = inside
	}
	executed := strings.TrimSuffix(name, notebookSuffix) + ".out" + notebookSuffix
	s.Entrypoint = slices.Concat([]string{"mobula", "notebook", "run", name, "-o", executed}, o.parameters, t.Args)
	s.Outputs = append([]string{executed}, s.Outputs...)
	s.Name = cmp.Or(s.Name, strings.TrimSuffix(filepath.Base(name), notebookSuffix))
	return nil
}

// relative is a file as seen from a folder that it is in.
func relative(dir, file string) (string, error) {
	at, err := filepath.Abs(dir)
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err == nil {
		file, err = filepath.Rel(at, file)
	}
	if err == nil && !filepath.IsLocal(file) {
		err = errors.New("it is elsewhere")
	}
	return filepath.ToSlash(file), err
}
