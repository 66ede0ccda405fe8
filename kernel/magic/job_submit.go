package magic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mobula/cluster/jobline"
	"mobula/jobs"
)

// submitJob is  %job submit.
func submitJob(ctx context.Context, env *Env, args []string) error {
	target, spec, wait, err := readSubmission(env, args)
	if err != nil {
		return misuse{err.Error()}
	}
	return withJobs(ctx, env, func(c *jobs.Client) error {
		job, err := c.Submit(ctx, spec)
		if err != nil {
			return err
		}
		if target.Kind == jobline.Notebook {
			env.Stdout(savedAt(target.Path))
		}
		if !wait {
			env.Stdout(fmt.Sprintf("Job %[1]s is submitted. See it with  %%job logs %[1]s --follow , end it with  %%job stop %[1]s .\n", job.ID))
			return nil
		}
		env.Stdout(fmt.Sprintf("Job %s is submitted.\n", job.ID))
		return followJob(ctx, env, c, job.ID)
	})
}

// readSubmission reads the words behind %job submit.
func readSubmission(env *Env, args []string) (target jobline.Target, spec jobs.Spec, wait bool, err error) {
	o := jobline.Options{LookupEnv: lookupIn(env), Path: func(name string) (string, error) { return resolve(env, name) }}
	f := pflag.NewFlagSet("submit", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.SetInterspersed(false)
	o.Register(f)
	f.BoolVar(&wait, "wait", false, "")
	if err = f.Parse(args); err == nil {
		target, err = jobTarget(env, f)
	}
	if err == nil && target.Kind == jobline.Module {
		err = errors.New(target.Path + " is the folder of a program: build it with  !mobula build  first, or submit it with  !mobula job submit")
	}
	if err == nil {
		spec, err = o.Spec(target)
	}
	spec.OnNotice = func(text string) { env.Stderr(text + "\n") }
	return target, spec, wait, err
}

// savedAt tells of which moment the notebook is that is sent: what was changed since is not in it.
func savedAt(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s is sent as it was saved at %s.\n", filepath.Base(path), info.ModTime().Format(time.TimeOnly))
}

// lookupIn finds variables of the session.
func lookupIn(env *Env) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		for _, v := range slices.Backward(env.Engine.Environ()) {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

// jobTarget is what the words behind the flags name: the notebook itself where there are none, or none but its own arguments.
func jobTarget(env *Env, f *pflag.FlagSet) (jobline.Target, error) {
	words := f.Args()
	dashed := f.ArgsLenAtDash() == 0
	if !dashed && len(words) == 0 {
		path, err := notebookPath(env)
		if err != nil {
			return jobline.Target{}, err
		}
		words = []string{path}
	}
	if !dashed && !filepath.IsAbs(words[0]) {
		path, err := resolve(env, words[0])
		if err != nil {
			return jobline.Target{}, err
		}
		words = append([]string{path}, words[1:]...)
	}
	return jobline.TargetOf(words, dashed)
}

// envNotebook is how Jupyter tells a kernel the path of its notebook.
const envNotebook = "JPY_SESSION_NAME"

func notebookPath(env *Env) (string, error) {
	if path, _ := lookupIn(env)(envNotebook); strings.HasSuffix(path, ".ipynb") {
		return path, nil
	}
	return "", errors.New("this front end does not tell the path of the notebook: name it, as in  %job submit train.ipynb")
}
