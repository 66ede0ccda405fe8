// Package metrics writes the figures of heads and nodes as Prometheus reads them. docs/metrics.md lists them all.
//
// Heads and nodes count by themselves, without a library: the session host and users' programs link them. What they have counted is asked for
// when somebody scrapes, so that it costs nothing otherwise.
//
// # Usage
//
//	http.Handle("/metrics", metrics.Handler(logger, metrics.Head(client), metrics.Process()))
//	http.Handle("/metrics/nodes", metrics.Handler(logger, metrics.Nodes(client)))
//
// On a node that serves its own: metrics.Node(n.Figures). Who serves these handlers checks credentials; they check none.
//
// # Concurrency
//
// Collectors and handlers may be used from any goroutine. A collector keeps nothing between two scrapes.
//
// # Testing
//
// Callers that the tests play; the list of names, kinds and texts is a golden table in docs/metrics.md.
package metrics
