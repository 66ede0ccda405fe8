// Package storetest is what the tests of the object store's packages share: stores that are closed when their test ends, objects whose bytes follow from
// their ID, and processes of the test binary that work with a store until they are killed. Only tests import it. It runs on Linux.
//
// # Usage
//
//	func TestMain(m *testing.M) { storetest.Main(m, map[string]func(arg string) error{"client": beClient}) }
//
//	s := storetest.Open(t, store.Config{Capacity: 64 << 20})
//	socket, stop := storetest.Listen(t, s)
//	p := storetest.Start(t, "client", socket)
//	object := p.Line(t)
//	p.Kill(t)
//	storetest.Await(t, "its client is gone", func() bool { return s.Stats().Clients == 0 })
//
// # Concurrency
//
// Functions that take a testing.TB are for the test's goroutine; Content, Fill, Right and SizeOf for any. A Process is for one goroutine.
//
// # Testing
//
// By the tests that use it.
package storetest
