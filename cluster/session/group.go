package session

import (
	"context"

	"mobula/cluster/driver"
	"mobula/cluster/headwire"
	"mobula/internal/id"
)

// CreateGroup reserves a placement group, and waits until it is there. Where ctx ends before, it is removed.
func (s *Session) CreateGroup(ctx context.Context, spec driver.GroupSpec) (headwire.GroupInfo, error) {
	defer Blocked()()
	spec.Namespace = s.namespace(spec.Namespace)
	info, err := s.driver.CreateGroup(ctx, spec)
	if err != nil {
		return info, err
	}
	made, err := s.driver.WaitGroup(ctx, info.ID)
	if err != nil {
		_ = s.driver.RemoveGroup(context.WithoutCancel(ctx), info.ID) // what failed first is told
	}
	return made, err
}

// FindGroup finds a placement group by its name.
func (s *Session) FindGroup(ctx context.Context, name, namespace string) (headwire.GroupInfo, error) {
	defer Blocked()()
	return s.driver.FindGroup(ctx, name, s.namespace(namespace))
}

// RemoveGroup ends what runs in a placement group, and gives back what it holds.
func (s *Session) RemoveGroup(ctx context.Context, group id.PlacementGroup) error {
	defer Blocked()()
	return s.driver.RemoveGroup(ctx, group)
}
