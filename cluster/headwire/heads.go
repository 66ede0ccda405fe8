package headwire

// HeadInfo is a head as the list shows it.
type HeadInfo struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	State   string `json:"state"`
}

// The states of a head, as the one that leads sees it.
const (
	HeadLeads      = "leads"
	HeadFollows    = "follows"
	HeadNotReached = "not reached"
)

// HeadRef names a head.
type HeadRef struct {
	ID      string `json:"id"`
	Address string `json:"address,omitempty"` // of one that joins, for the others
}

// Authority is the certificate authority of a cluster, with its key.
type Authority struct {
	PEM []byte `json:"pem"`
}
