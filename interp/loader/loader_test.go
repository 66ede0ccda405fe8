//go:build linux && amd64

package loader_test

import (
	"testing"

	"mobula/interp/loader"
	"mobula/interp/toolchain"
)

func TestSelfTest(t *testing.T) {
	b := testBench(t)
	out, err := b.run(t, nil, step{Self: toolchain.SelfTestArchive(b.host), Stats: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

func TestNotSupported(t *testing.T) {
	if _, err := loader.New(loader.Config{}); err != loader.ErrNotSupported {
		t.Errorf("got %v", err)
	}
}
