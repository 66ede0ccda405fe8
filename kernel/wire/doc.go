// Package wire is the Jupyter messaging protocol, version 5.5, below the meaning of its
// messages: the connection file, signed messages and their frames, and the three kinds of
// ZeroMQ socket that a kernel binds (ROUTER for shell, control and stdin, XPUB for iopub,
// REP for the heartbeat).
//
// The ZMTP handshake (greeting, security mechanism, metadata, compatibility of socket
// types) is go-zeromq/zmq4's. The sockets above it are this package's own, because those of
// zmq4 v0.17.0 cannot serve a kernel: its XPUB keeps subscriptions to itself, so nobody
// can be welcomed; it writes to all subscribers in turn, so a stopped one stops all; it
// allocates whatever length a frame header claims; one client that connects and says
// nothing blocks the accept loop; and closing does not flush what is queued.
//
// # Usage
//
//	info, err := wire.ReadConnectionFile(path)
//	codec := wire.NewCodec(info.Key)
//	shell, err := wire.ListenRouter(info.Shell(), logger, func(frames [][]byte) {...})
//	msg, err := codec.Decode(frames)
//
// # Concurrency
//
// Sockets and a Codec may be used from any goroutine. A socket calls its handler from
// one goroutine per connection; messages of one connection come in order. Close flushes
// for a bounded time, then waits for every goroutine of the socket.
//
// # Limits
//
// A message has at most MaxFrames frames and MaxMessage bytes; a connection that exceeds
// them is closed before memory is spent on it. Queues to a peer are bounded by bytes: a
// subscriber that stops reading is first waited for (Publisher.Drain), then cut off.
//
// # Testing
//
// Listen on tcp://127.0.0.1:0 and dial with zmq4's own client sockets. FuzzDecode and
// FuzzReadFrames feed the decoders.
package wire
