package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// threadTime follows the processor time of a thread that is in a system call or in C code.
type threadTime struct {
	id   uint64
	used time.Duration
}

// busyShare is the part of the time that a thread computes where it computes all it can, on a crowded machine too.
const busyShare = 10

// computes reports whether the thread has computed since the last look, which was so long ago. Of a thread that it
// sees for the first time, and where the system does not tell, it knows nothing.
func (t *threadTime) computes(id uint64, passed time.Duration) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", id))
	if err != nil {
		return false
	}
	onCPU, _, _ := bytes.Cut(data, []byte(" "))
	ns, err := strconv.ParseInt(string(onCPU), 10, 64)
	if err != nil {
		return false
	}
	before := *t
	*t = threadTime{id, time.Duration(ns)}
	return before.id == id && t.used-before.used > passed/busyShare
}
