package jobs

import (
	"context"
	"iter"
	"time"

	"mobula/cluster/headwire"
)

// LogOptions say what of a job's log is wanted.
type LogOptions struct {
	Attempt int   // 1 is the first; 0: the last one
	Offset  int64 // in bytes; below 0 it counts from the end of what there is
	// Follow waits for more until the job has ended, and goes on with the next attempt where there is one.
	Follow bool
}

// LogPart is a part of what a job wrote, to stdout and stderr.
type LogPart struct {
	Attempt int
	Text    []byte // its ends need not be those of lines
	Next    int64  // the offset of what follows in this attempt
	Skipped int64  // bytes before Text that are gone: of what a job writes, the node keeps some megabytes
}

// followWait is for how long one call waits for more.
const followWait = 20 * time.Second

// away is how long after an attempt to reach the job's node the next one follows.
const away = time.Second

// Logs yields what a job wrote, also after its end. An error ends it.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions) iter.Seq2[LogPart, error] {
	return func(yield func(LogPart, error) bool) {
		r := logReader{c: c, id: id, LogOptions: o}
		for {
			part, more, err := r.next(ctx)
			if err != nil {
				yield(LogPart{}, err)
				return
			}
			if len(part.Text) > 0 && !yield(part, nil) || !more {
				return
			}
		}
	}
}

// logReader is at a place of a job's log.
type logReader struct {
	c  *Client
	id string
	LogOptions
}

// next reads the next part, which may be empty, and reports whether there may be more.
func (r *logReader) next(ctx context.Context) (LogPart, bool, error) {
	ask := headwire.JobLogRange{ID: r.id, Attempt: r.Attempt, Offset: r.Offset}
	if r.Follow {
		ask.Wait = followWait.Milliseconds()
	}
	part, err := headwire.Ask(ctx, r.c.caller, headwire.ReadJobLog, ask)
	switch {
	case r.Follow && headwire.HasCode(err, headwire.Unavailable): // its node, or the head, is away
		return LogPart{}, true, r.pause(ctx)
	case r.Follow && headwire.HasCode(err, headwire.NotFound) && r.Attempt > 0:
		more, failed := r.nextAttempt(ctx) // what was not read is lost
		if failed == nil && !more {
			failed = err
		}
		return LogPart{}, more, failed
	case err != nil:
		return LogPart{}, false, err
	}
	out := LogPart{Attempt: part.Attempt, Text: part.Text, Next: part.Next}
	if r.Offset >= 0 {
		out.Skipped = max(0, part.Next-int64(len(part.Text))-r.Offset)
	}
	r.Attempt, r.Offset = part.Attempt, part.Next
	switch {
	case len(part.Text) > 0, r.Follow && !part.Ended:
		return out, true, nil
	case !r.Follow:
		return out, false, nil
	}
	more, err := r.nextAttempt(ctx)
	return out, more, err
}

// nextAttempt waits until the job has ended, or another attempt begins, and reports whether that is so.
func (r *logReader) nextAttempt(ctx context.Context) (bool, error) {
	job, err := r.c.Status(ctx, r.id)
	for err == nil {
		switch {
		case len(job.Attempts) > r.Attempt:
			r.Attempt++
			r.Offset = 0
			return true, nil
		case Ended(job):
			return false, nil
		}
		job, err = r.c.WaitChange(ctx, job)
	}
	return false, err
}

// pause waits for a moment.
func (r *logReader) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(away):
		return nil
	}
}
