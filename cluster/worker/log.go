package worker

import (
	"os"

	"mobula/cluster/wire"
)

// Log hands text that the task has written to stdout or stderr to the driver of its job, by the node.
func (t *Task) Log(stream, text string) error {
	m := wire.Log{Job: t.Job, Task: t.Task, Name: t.Name, Worker: t.Worker, PID: os.Getpid(), Cell: int(t.Cell), Stream: stream, Text: text}
	return t.worker.node.Send(wire.KindLog, wire.JSON(m))
}

// AtEnd has f called when the task has ended, before its result is sent.
func (t *Task) AtEnd(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.atEnd = f
}

func (t *Task) ended() {
	t.mu.Lock()
	f := t.atEnd
	t.atEnd = nil
	t.mu.Unlock()
	if f != nil {
		f()
	}
}
