package mobula_test

import (
	"os"
	"slices"
	"testing"

	"mobula/cluster/node"
)

// TestEmbeddedNodeSaysSo: mobula stop and mobula status leave the nodes of programs alone unless they are told.
func TestEmbeddedNodeSaysSo(t *testing.T) {
	here := node.Here()
	own := slices.IndexFunc(here, func(l node.Local) bool { return l.PID == os.Getpid() })
	if own < 0 || !here[own].Embedded {
		t.Errorf("%+v", here)
	}
}
