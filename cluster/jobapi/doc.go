// Package jobapi is the HTTP API of submitted jobs, over a connection to a head. openapi.json describes it, and is served with it.
//
// All bodies are JSON but for logs and files. An error is {"code": "...", "message": "..."}, with the codes of package headwire.
//
//	GET    /openapi.json               the description
//	GET    /                           all jobs that were submitted
//	POST   /                           submit one
//	GET    /{id}                       one; ?wait=SECONDS waits for its end
//	POST   /{id}/stop                  end it
//	DELETE /{id}                       forget one that has ended
//	GET    /{id}/logs                  what it wrote; ?offset=N&attempt=N&follow=true
//	GET    /{id}/outputs/{name...}     a file that it left
//	PUT    /files/{sum}                give the head an archive of working files; HEAD asks whether it has it
//
// # Usage
//
//	mux.Handle("/api/jobs/", authorized(http.StripPrefix("/api/jobs", jobapi.Handler(client))))
//
// The handler checks no credential: whoever mounts it does, and sees to it that requests that change something come from its own pages or programs.
//
// # Concurrency
//
// The handler may serve any number of requests. A request that follows a log, or waits, ends with its context.
//
// # Testing
//
// The tests start a head and a node in their process, check every answer against the description, and that it tells of every route.
package jobapi
