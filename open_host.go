//go:build mobulahost

package mobula

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"mobula/cluster/session"
)

// open joins the notebook's cluster, or that of c. end undoes it. Embedded clusters are the kernel's: one lives as long as it.
func open(ctx context.Context, c Config) (s *session.Session, end func() error, err error) {
	h := session.Hosted()
	if h == nil {
		return nil, nil, errors.New("this session host cannot run tasks: start the session again")
	}
	if c.InProcess {
		return nil, nil, errors.New("a notebook has no cluster in its own process: leave InProcess out")
	}
	if c.Address == "" {
		config := c
		config.OnLog, config.OnPending = nil, nil
		text, err := json.Marshal(config)
		if err != nil {
			return nil, nil, err
		}
		if c.Address, err = h.Address(ctx, text); err != nil {
			return nil, nil, err
		}
	}
	sc := c.session(c.Address)
	sc.Program, sc.Path, sc.Env = h.Program, h.Path, slices.Concat(h.Env, sc.Env)
	if sc.OnLog == nil {
		sc.OnLog = h.OnLog
	}
	if sc.OnPending == nil {
		sc.OnPending = h.OnPending
	}
	sc.OnBusy = h.OnBusy
	h.Apart(func() { s, err = session.Connect(ctx, sc) })
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}
