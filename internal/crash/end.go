package crash

// End is how a process ended.
type End struct {
	Reason string // in words
	Code   int    // exit status, or -1
	Signal int    // that ended it, or 0
}
