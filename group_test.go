package mobula_test

import (
	"testing"

	"mobula"
)

// TestGroupsHaveNames: a group's name counts where an actor's does, by default in the namespace of the job.
func TestGroupsHaveNames(t *testing.T) {
	ctx := t.Context()
	for _, where := range [][]mobula.Option{nil, {mobula.Namespace("test")}} {
		made, err := mobula.NewPlacementGroup(ctx, mobula.Pack, []mobula.Bundle{{CPU: 1}}, append(where, mobula.Name("found"))...)
		if err != nil {
			t.Fatal(err)
		}
		found, err := mobula.FindPlacementGroup(ctx, "found", where...)
		if err != nil || found.ID != made.ID {
			t.Errorf("%v, %v", found, err)
		}
		if err := made.Remove(ctx); err != nil {
			t.Error(err)
		}
	}
}
