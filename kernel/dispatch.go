package kernel

import (
	"fmt"
	"sync"
)

// worker runs jobs one after another on its own goroutine.
type worker struct {
	mu   sync.Mutex // guards jobs
	jobs []func()
	wake chan struct{} // capacity 1
}

func newWorker(k *Kernel) *worker {
	w := &worker{wake: make(chan struct{}, 1)}
	k.wg.Go(func() {
		for {
			select {
			case <-w.wake:
				for job := w.take(); job != nil; job = w.take() {
					job()
				}
			case <-k.ctx.Done():
				return
			}
		}
	})
	return w
}

func (w *worker) do(job func()) {
	w.mu.Lock()
	w.jobs = append(w.jobs, job)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) take() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.jobs) == 0 {
		return nil
	}
	job := w.jobs[0]
	w.jobs = w.jobs[1:]
	return job
}

// onShell routes a request of the shell channel; it runs on the connection's goroutine and does not wait.
func (k *Kernel) onShell(r *request) {
	on := func(w *worker, handle func(*request)) {
		w.do(func() {
			r.around(func() { handle(r) })
			if r.Header.SubshellID == nil {
				k.lanes.remind()
			}
		})
	}
	switch r.Header.MsgType {
	case "execute_request":
		k.lanes.execute(r)
	case "kernel_info_request":
		r.around(func() { k.kernelInfo(r) })
	case "complete_request":
		on(k.language, k.complete)
	case "inspect_request":
		on(k.language, k.inspect)
	case "is_complete_request":
		on(k.language, k.isComplete)
	case "history_request":
		on(k.queries, k.historyRequest)
	case "comm_info_request":
		on(k.queries, k.comms.info)
	case "comm_open", "comm_msg", "comm_close":
		k.comms.receive(r)
	case "shutdown_request":
		k.shutdown(r)
	case "connect_request":
		r.around(func() { k.connect(r) })
	default:
		r.around(func() { k.unknown(r, "shell") })
	}
}

// onControl answers a request of the control channel at once.
func (k *Kernel) onControl(r *request) {
	switch r.Header.MsgType {
	case "kernel_info_request":
		r.around(func() { k.kernelInfo(r) })
	case "interrupt_request":
		r.around(func() {
			k.Interrupt()
			r.reply(object{})
		})
	case "shutdown_request":
		k.shutdown(r)
	case "create_subshell_request":
		r.around(func() { r.reply(object{"subshell_id": k.lanes.create()}) })
		k.lanes.remind()
	case "delete_subshell_request":
		r.around(func() { k.deleteSubshell(r) })
		k.lanes.remind()
	case "list_subshell_request":
		r.around(func() { r.reply(object{"subshell_id": k.lanes.list()}) })
	case "debug_request":
		r.around(func() { k.debug(r) })
	case "connect_request":
		r.around(func() { k.connect(r) })
	default:
		r.around(func() { k.unknown(r, "control") })
	}
}

func (k *Kernel) deleteSubshell(r *request) {
	var c struct {
		ID string `json:"subshell_id"`
	}
	if !r.bind(&c) {
		return
	}
	if !k.lanes.remove(c.ID) {
		r.fail("SubshellError", fmt.Sprintf("there is no subshell %q to delete", c.ID))
		return
	}
	r.reply(object{})
}

func (k *Kernel) unknown(r *request, channel string) {
	k.log.Warn("unknown message type", "channel", channel, "type", r.Header.MsgType)
	r.fail("ProtocolError", fmt.Sprintf("this kernel has no %q on its %s channel", r.Header.MsgType, channel))
}
