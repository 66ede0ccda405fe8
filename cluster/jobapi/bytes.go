package jobapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/internal/filestore"
	"mobula/jobs"
)

// Headers of a log's answer.
const (
	headerOffset  = "Mobula-Log-Offset"  // of the first byte
	headerNext    = "Mobula-Log-Next"    // of what follows; a trailer
	headerAttempt = "Mobula-Log-Attempt" // of the first byte
)

// logs writes what a job wrote as text. Where it is followed, that comes in chunks until the job has ended.
func (a *api) logs(w http.ResponseWriter, r *http.Request) error {
	o := jobs.LogOptions{Follow: r.URL.Query().Get("follow") == "true"}
	attempt, err := number(r, "attempt", 0)
	if err == nil {
		o.Offset, err = number(r, "offset", 0)
	}
	if err != nil {
		return err
	}
	o.Attempt = int(attempt)
	out := &logWriter{w: w, control: http.NewResponseController(w), next: max(0, o.Offset), attempt: o.Attempt}
	for part, err := range a.jobs.Logs(r.Context(), r.PathValue("id"), o) {
		if err == nil {
			err = out.write(part)
		}
		if err != nil {
			if out.begun {
				return &begunError{err}
			}
			return err
		}
	}
	out.begin(out.next, out.attempt)
	w.Header().Set(headerNext, strconv.FormatInt(out.next, 10))
	return nil
}

// logWriter writes parts of a log as they come.
type logWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
	next    int64
	attempt int
}

func (l *logWriter) begin(offset int64, attempt int) {
	if l.begun {
		return
	}
	l.begun = true
	h := l.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", "inline")
	h.Set(headerOffset, strconv.FormatInt(offset, 10))
	h.Set(headerAttempt, strconv.Itoa(attempt))
	h.Set("Trailer", headerNext)
}

func (l *logWriter) write(p jobs.LogPart) error {
	l.begin(p.Next-int64(len(p.Text)), p.Attempt)
	l.next, l.attempt = p.Next, p.Attempt
	if _, err := l.w.Write(p.Text); err != nil {
		return err
	}
	if err := l.control.Flush(); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// output writes a file that a job has left, for the browser to save: it may be anything.
func (a *api) output(w http.ResponseWriter, r *http.Request) error {
	job, err := a.jobs.Status(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	for _, f := range job.Outputs {
		if f.Name != name {
			continue
		}
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)}))
		h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
		if err := headclient.FetchFile(r.Context(), a.caller, f.Ref, w); err != nil {
			return &begunError{err}
		}
		return nil
	}
	return headwire.Errorf(headwire.NotFound, "job %s has left no file %q", job.ID, name)
}

func (a *api) haveFile(w http.ResponseWriter, r *http.Request) error {
	ref := filestore.Ref{Sum: r.PathValue("sum")}
	if err := ref.Check(); err != nil {
		return headwire.Errorf(headwire.Invalid, "%v", err)
	}
	have, err := headwire.Ask(r.Context(), a.caller, headwire.HaveFile, ref) // of one that has come as a whole, all that there is
	if err != nil {
		return err
	}
	if have.Have == 0 {
		return headwire.Errorf(headwire.NotFound, "the file is not here: send it")
	}
	w.Header().Set("Content-Length", strconv.FormatInt(have.Have, 10))
	w.WriteHeader(http.StatusOK)
	return nil
}

// putFile passes a file on to the head in parts, as it comes.
func (a *api) putFile(w http.ResponseWriter, r *http.Request) error {
	ref := filestore.Ref{Sum: r.PathValue("sum"), Size: r.ContentLength}
	if r.ContentLength < 0 {
		return headwire.Errorf(headwire.Invalid, "the length of the file must be told, by Content-Length")
	}
	if err := ref.Check(); err != nil {
		return headwire.Errorf(headwire.Invalid, "%v", err)
	}
	part := make([]byte, headwire.FilePartSize)
	for offset := int64(0); ; {
		n, err := io.ReadFull(r.Body, part)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return headwire.Errorf(headwire.Invalid, "the file did not come as a whole: %v", err)
		}
		have, err := headwire.Ask(r.Context(), a.caller, headwire.PutFile, headwire.FilePart{Ref: ref, Offset: offset, Data: part[:n]})
		if err != nil {
			return err
		}
		if have.Have == ref.Size {
			writeJSON(w, http.StatusCreated, ref)
			return nil
		}
		if offset += int64(n); n == 0 || have.Have < offset {
			return headwire.Errorf(headwire.Unavailable, "the head has %d of %d bytes: send the file again", have.Have, ref.Size)
		}
	}
}
