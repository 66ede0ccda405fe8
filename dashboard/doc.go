// Package dashboard is the page on which people see a cluster, and what it is made of: a JSON API, live updates by websocket, and Prometheus metrics.
//
// It needs nothing but a headwire.Caller: the head in this process, or a client of one. Everything is asked for when somebody looks, and shared
// by all who do; while nobody does, it takes one cheap sample every 15 seconds for the curves of the last 15 minutes.
//
// # Usage
//
//	d := dashboard.New(dashboard.Config{Caller: client, Accepts: h.AcceptsUser, Version: version})
//	err := d.Start(ctx, dashboard.Endpoint{Listen: "127.0.0.1:8265"})
//	h.SetDashboard(d.Address(), d.Link)
//	defer d.Close()
//
// A Server is an http.Handler, too, for tests and other listeners. All URLs in it are relative: it works behind a proxy that strips a prefix, as
// jupyter-server-proxy does.
//
//	GET  /                        the page; with ?code= a one-time code is exchanged for a cookie
//	POST /login, /logout          a user token for a cookie, and back
//	GET  /ws                      live topics: what /api/state has, then what changes of it
//	GET  /api/state/{topic}       one topic as JSON; GET /api/state lists them
//	GET  /api/logs/{worker}       a log as text; /search?q= finds lines in it
//	     /api/jobs/               Config.Jobs
//	GET  /metrics, /metrics/nodes
//
// # Credentials
//
// Every route wants one, from this machine too: a user token as a bearer token, or a cookie that was got for a token or a one-time code. Cookies
// name a session of this process that ends after 12 hours; they are not the token. Codes are valid once and for 5 minutes. Requests that change something and
// websockets must come from the page itself. Wrong credentials are answered more and more slowly. No token is in any URL, page or log.
// What comes from users (names, errors, logs) is shown as text: the page has no way to make HTML of it, and its policy allows no script but its own.
//
// # Concurrency
//
// All methods may be called from any goroutine. A websocket has two goroutines, the server one more for samples; Close waits for all.
//
// # Testing
//
// Handlers are tested against answers that the tests play and against a cluster in the test's process; the page by tests/browser in a real Chromium.
package dashboard
