package jobapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/filestore"
	"mobula/jobs"
)

// Submission is the body that submits a job. Its fields are those of jobs.Spec.
type Submission struct {
	ID         string             `json:"id,omitempty"`
	Name       string             `json:"name,omitempty"`
	Entrypoint []string           `json:"entrypoint"`
	Files      *filestore.Ref     `json:"files,omitempty"` // an archive that PUT /files/{sum} has sent
	Env        map[string]string  `json:"env,omitempty"`
	Metadata   map[string]string  `json:"metadata,omitempty"`
	Resources  map[string]float64 `json:"resources,omitempty"` // cpu, gpu, memory in bytes, and custom ones
	Labels     string             `json:"labels,omitempty"`
	Outputs    []string           `json:"outputs,omitempty"`
	Retries    int                `json:"retries,omitempty"`
	GraceMS    *int64             `json:"grace_ms,omitempty"` // 3,000 where it is left out
}

func (s *Submission) spec() jobs.Spec {
	spec := jobs.Spec{
		ID: s.ID, Name: s.Name, Entrypoint: s.Entrypoint, Archive: s.Files, Env: s.Env, Metadata: s.Metadata, Labels: s.Labels, Outputs: s.Outputs, Retries: s.Retries,
		CPUs: s.Resources[sched.CPU], GPUs: s.Resources[sched.GPU], Memory: int64(s.Resources[sched.Memory]), Resources: map[string]float64{},
	}
	for name, amount := range s.Resources {
		if name != sched.CPU && name != sched.GPU && name != sched.Memory {
			spec.Resources[name] = amount
		}
	}
	if s.GraceMS != nil {
		if spec.Grace = time.Duration(*s.GraceMS) * time.Millisecond; spec.Grace == 0 {
			spec.Grace = -1 // none
		}
	}
	return spec
}

func (a *api) submit(w http.ResponseWriter, r *http.Request) error {
	var in Submission
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.GraceMS != nil && *in.GraceMS < 0 {
		return headwire.Errorf(headwire.Invalid, "grace_ms must be 0 or more")
	}
	job, err := a.jobs.Submit(r.Context(), in.spec())
	if err != nil {
		if _, answered := errors.AsType[*headwire.Error](err); !answered && r.Context().Err() == nil {
			err = headwire.Errorf(headwire.Invalid, "%v", err)
		}
		return err
	}
	asked, _, _ := strings.Cut(r.RequestURI, "?") // with what was stripped of its path
	w.Header().Set("Location", strings.TrimSuffix(asked, "/")+"/"+url.PathEscape(job.ID))
	writeJSON(w, http.StatusCreated, job)
	return nil
}

func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	all, err := a.jobs.List(r.Context())
	if err == nil {
		writeJSON(w, http.StatusOK, all)
	}
	return err
}

// longestWait bounds how long a request waits for the end of a job: proxies end those that are silent for long.
const longestWait = time.Minute

func (a *api) status(w http.ResponseWriter, r *http.Request) error {
	seconds, err := number(r, "wait", 0)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	job, err := a.jobs.Status(r.Context(), id)
	if err == nil && seconds > 0 && !jobs.Ended(job) {
		ctx, cancel := context.WithTimeout(r.Context(), min(longestWait, time.Duration(seconds)*time.Second))
		defer cancel()
		ended, failed := a.jobs.Wait(ctx, id)
		switch {
		case failed == nil:
			job = ended
		case ctx.Err() == nil || r.Context().Err() != nil:
			return failed
		default:
			job, err = a.jobs.Status(r.Context(), id)
		}
	}
	if err == nil {
		writeJSON(w, http.StatusOK, job)
	}
	return err
}

func (a *api) stop(w http.ResponseWriter, r *http.Request) error {
	job, err := a.jobs.Stop(r.Context(), r.PathValue("id"))
	if err == nil {
		writeJSON(w, http.StatusOK, job)
	}
	return err
}

func (a *api) delete(w http.ResponseWriter, r *http.Request) error {
	if err := a.jobs.Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// number reads a whole number of the query.
func number(r *http.Request, name string, missing int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, headwire.Errorf(headwire.Invalid, "%s=%.40s: it must be a whole number", name, text)
	}
	return n, nil
}
