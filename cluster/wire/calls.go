package wire

// Of calls in both directions (package headwire): between a head, its nodes and its clients, and by clients of a node, which passes them on to
// the head.
const (
	KindCall       byte = iota + 64 // either
	KindReply                       // either
	KindNotify                      // either: a call without an answer
	KindCancelCall                  // the caller gives up
)
