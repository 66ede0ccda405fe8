package fault

import (
	"errors"
	"io"
	"testing"

	"mobula/internal/id"
)

func TestTexts(t *testing.T) {
	g := id.NewGenerator([8]byte{0xab, 0xcd})
	task := id.Task{ID: g.Next()}
	tests := []struct {
		err  error
		want string
	}{
		{&TaskError{Task: task, Name: "fit", Message: "no convergence"}, "task fit (abcd0001) failed: no convergence"},
		{&TaskError{Task: task, Panic: true, Message: "index out of range [5] with length 3", Frames: []Frame{{"scan", "cell[4]", 12}}},
			"task abcd0001 panicked at cell[4]:12: index out of range [5] with length 3"},
		{&InputError{Task: task, Name: "merge", Input: id.Object(task), Err: io.ErrUnexpectedEOF}, "task merge (abcd0001) did not run: its input abcd0001 failed: unexpected EOF"},
		{&CanceledError{Task: task}, "task abcd0001 was canceled"},
		{&WorkerDiedError{Task: task, Attempts: 4, Worker: id.Worker(task), Reason: "killed (signal 9)", Output: "x\nlast words\n"},
			"task abcd0001: its worker abcd0001 ended: killed (signal 9) (the last of 4 attempts); its last line: last words"},
		{&WorkerDiedError{Task: task, Attempts: 1, Worker: id.Worker(task), Reason: "it held 5 GB", OutOfMemory: true},
			"task abcd0001: its worker abcd0001 ended: it held 5 GB; give the task a Memory option, or run fewer at a time"},
		{&ActorDiedError{Actor: id.Actor(task), Name: "hits", Reason: "it was killed"}, "actor hits (abcd0001) is gone: it was killed"},
		{&InfeasibleError{Name: "fit", Reason: "needs 1 gpu; no node has one"}, "fit cannot run here: needs 1 gpu; no node has one"},
		{&FreedError{Object: id.Object(task)}, "object abcd0001 was freed: make it again, or free it later"},
		{&DisconnectedError{Reason: "Close was called"}, "no connection to the cluster: Close was called"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if err := error(&InputError{Err: &TaskError{Err: io.EOF}}); !errors.Is(err, io.EOF) {
		t.Error("the cause of a cause is lost")
	}
}
