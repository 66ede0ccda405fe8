// Package transfer copies sealed objects between the stores of two nodes. The bytes go from the arena of one node, where they lie, over a
// stream into the arena of the other, where they will lie; there is no buffer in between.
//
// # Usage
//
// Both ends are clients of their node's store:
//
//	conn, err := s.Connect()
//	c := client.New(conn, client.Options{})
//
//	server := transfer.NewServer(transfer.ServerConfig{Client: c})
//	err := server.Serve(ctx, stream)   // once for each stream that another node has opened
//
//	fetcher := transfer.NewFetcher(transfer.FetcherConfig{Client: c})
//	err := fetcher.Fetch(ctx, id, transfer.Peer{Name: node.String(), Dial: dial})
//	c.Ref(id, -1)                      // when this node needs the copy no more
//	err = fetcher.Close()
//
// Where the other node is on this machine, Peer.Near gives a client of its store: the object is copied from there, and there is no stream.
//
// A stream is a net.Conn, plain or TLS, whose other end the caller has authenticated. Each successful Fetch counts one reference of the client, as a
// Put does. The copy has the owner of the original and is replaceable: the node that is short of memory evicts it, since another node has it.
//
// # The conversation
//
// The fetching end asks for an object and learns its size and owner; it gets memory for it, and asks for its bytes from an offset
// on. They come in chunks of ChunkSize, each followed by the CRC-32C of the object up to there. So a chunk that has arrived is known
// to be right, and where the connection breaks the fetching end asks again from the last one, telling the checksum up to there: a
// server whose object differs starts from the beginning. A server that is busy, or reads the object from disk, says every now and
// then that it is still at it. Either end ends a conversation by closing the stream.
//
// # Concurrency
//
// All methods may be called from any goroutine. Fetches of one object are one transfer. The goroutines of a Fetcher end in Close,
// those of a Server with Serve. Locks are leaves: nothing is called under them.
//
// # Testing
//
// Two stores in one process and a listener between them; connections that break, stall and lie; processes that are killed.
// FuzzMessage feeds the parser.
package transfer
