module mobula

go 1.26.0

require golang.org/x/tools v0.51.0

require golang.org/x/sys v0.49.0

require github.com/tidwall/btree v1.8.1

require (
	github.com/go-zeromq/goczmq/v4 v4.2.2 // indirect
	github.com/go-zeromq/zmq4 v0.17.0
	github.com/traefik/yaegi v0.16.1
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/text v0.15.0 // indirect
)
