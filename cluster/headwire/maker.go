package headwire

import "mobula/cluster/wire"

// Maker is how a node makes an actor: the worker that it lives in, and its constructor.
type Maker struct {
	Class       wire.Class // of the worker, without resources and strategy
	Path        string     // the program's executable and what it needs, as a driver registers them
	Sum         string     // SHA-256 of the executable, in hex
	Args        []string   `json:",omitempty"`
	Env         []string   `json:",omitempty"`
	Build       string     `json:",omitempty"`
	Form        wire.Form
	Name        string `json:",omitempty"`
	Closure     wire.Payload
	Values      wire.Payload // of the variables whose digest is Class.Environment
	Code        []string     `json:",omitempty"` // parts of the program's code: keys in CodeNamespace
	Concurrency int          `json:",omitempty"`
}

// CodeNamespace is where drivers put the code of actors that outlive them, each part under the SHA-256 of its content in hex.
const CodeNamespace = "mobula/code"
