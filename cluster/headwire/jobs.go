package headwire

import (
	"mobula/cluster/sched"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

// JobSubmission submits a job: an entrypoint for the cluster to run.
type JobSubmission struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"` // random: the same call again is told from another one with that id
	Name       string            `json:"name,omitempty"`
	Entrypoint []string          `json:"entrypoint"`         // the program and its arguments
	Env        map[string]string `json:"env,omitempty"`      // beside the node's
	Metadata   map[string]string `json:"metadata,omitempty"` // for people
	Resources  sched.Resources   `json:"resources,omitzero"` // for the entrypoint itself; its tasks ask for their own
	Selector   sched.Selector    `json:"selector,omitempty"`
	Files      *filestore.Ref    `json:"files,omitempty"`   // the archive of its working files (package filepack), which PutFile has sent
	Outputs    []string          `json:"outputs,omitempty"` // files of its working directory that are kept
	Grace      int64             `json:"grace_ms"`          // from SIGTERM to SIGKILL
	Retries    int               `json:"retries,omitzero"`
}

// SubmittedJob is a job that was submitted.
type SubmittedJob struct {
	ID         string            `json:"id"`
	Name       string            `json:"name,omitempty"`
	State      string            `json:"state"`             // pending, running, succeeded, failed or stopped
	Message    string            `json:"message,omitempty"` // how it ended, or why it waits
	Stopping   bool              `json:"stopping,omitzero"` // it was asked to end
	Entrypoint []string          `json:"entrypoint"`
	Env        []string          `json:"env,omitempty"` // the names of its variables; the values may be secrets
	Metadata   map[string]string `json:"metadata,omitempty"`
	Resources  sched.Resources   `json:"resources,omitzero"`
	Selector   sched.Selector    `json:"selector,omitempty"`
	Files      *filestore.Ref    `json:"files,omitempty"`
	Outputs    []JobFile         `json:"outputs,omitempty"` // that were kept
	Grace      int64             `json:"grace_ms"`
	Retries    int               `json:"retries,omitzero"`
	ExitCode   *int              `json:"exit_code,omitempty"` // of the last attempt
	Attempts   []JobAttempt      `json:"attempts,omitempty"`  // the last one is the present one
	Created    int64             `json:"created"`             // ms since 1970
	Ended      int64             `json:"ended,omitzero"`
}

// JobFile is a file that the head keeps for a job.
type JobFile struct {
	Name string `json:"name"`
	filestore.Ref
}

// JobAttempt is one run of a job's entrypoint.
type JobAttempt struct {
	Number   int      `json:"number"` // 1 is the first
	Node     id.Node  `json:"node"`
	NodeName string   `json:"node_name,omitempty"`
	PID      int      `json:"pid,omitzero"`
	Drivers  []id.Job `json:"drivers,omitempty"` // jobs that its processes have connected as
	Placed   int64    `json:"placed"`            // ms since 1970
	Started  int64    `json:"started,omitzero"`
	Ended    int64    `json:"ended,omitzero"`
	ExitCode *int     `json:"exit_code,omitempty"`
	Signal   int      `json:"signal,omitzero"`
	Message  string   `json:"message,omitempty"`
}

// JobRef names a submitted job.
type JobRef struct {
	ID string `json:"id"`
}

// JobWait waits until a submitted job has ended or, with Seen, is not as it was any more.
type JobWait struct {
	ID       string `json:"id"`
	Seen     string `json:"seen,omitempty"` // a state
	Attempts int    `json:"attempts,omitzero"`
}

// JobLogRange asks for a part of what a job wrote.
type JobLogRange struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt,omitzero"` // 0: the last one
	Offset  int64  `json:"offset"`           // below 0 it counts from the end
	Wait    int64  `json:"wait_ms,omitzero"` // for so long for more to come
}

// JobLogPart is a part of what a job wrote.
type JobLogPart struct {
	Attempt int    `json:"attempt"` // 0: none has begun
	Text    []byte `json:"text,omitempty"`
	Next    int64  `json:"next"`           // the offset of what follows; what was before Text and is not in it is gone
	Ended   bool   `json:"ended,omitzero"` // nothing follows in this attempt
}

// FilePart is a part of a file for the head.
type FilePart struct {
	filestore.Ref
	Offset int64  `json:"offset"`
	Data   []byte `json:"data,omitempty"`
}

// FileHave is how many bytes of a file the head has.
type FileHave struct {
	Have int64 `json:"have"`
}

// FileRange asks for a part of a file that the head keeps.
type FileRange struct {
	Sum    string `json:"sum"`
	Offset int64  `json:"offset"`
}

// FileData is a part of a file; at its end none.
type FileData struct {
	Data []byte `json:"data,omitempty"`
}

// FilePartSize is how many bytes of a file go in one call: heartbeats pass between two, also on a slow line.
const FilePartSize = 256 << 10

// JobLife is one attempt of a submitted job.
type JobLife struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
}

// JobRun has a node run an attempt.
type JobRun struct {
	JobLife
	Assignment uint64            `json:"assignment"` // the node's status tells when it shows
	Entrypoint []string          `json:"entrypoint"`
	Env        map[string]string `json:"env,omitempty"`
	Resources  sched.Resources   `json:"resources,omitzero"`
	Files      *filestore.Ref    `json:"files,omitempty"`
	Outputs    []string          `json:"outputs,omitempty"`
	Grace      int64             `json:"grace_ms"`
	Retried    bool              `json:"retried,omitzero"` // another attempt may follow where this node is taken for dead
}

// JobKeep says of an attempt that a node has whether it goes on.
type JobKeep struct {
	JobLife
	Stop bool `json:"stop,omitzero"`
}

// JobBegun tells that the process of an attempt runs.
type JobBegun struct {
	JobLife
	PID int `json:"pid"`
}

// JobOver tells how an attempt ended.
type JobOver struct {
	JobLife
	ExitCode *int           `json:"exit_code,omitempty"` // none where it did not exit by itself
	Signal   int            `json:"signal,omitzero"`
	Message  string         `json:"message"`
	Log      *filestore.Ref `json:"log,omitempty"` // what it wrote, which PutFile has sent
	LogStart int64          `json:"log_start,omitzero"`
	Outputs  []JobFile      `json:"outputs,omitempty"`
}
