package core

import (
	"context"
	"testing"
	"time"

	"mobula"
)

// patience bounds a program, which takes milliseconds.
const patience = 60 * time.Second

func runAll(t *testing.T) {
	t.Helper()
	for _, p := range Programs {
		t.Run(p.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			got, err := p.Run(ctx)
			if err != nil || got != p.Want {
				t.Errorf("%s, %v; want %s", got, err, p.Want)
			}
		})
	}
}

func connect(t *testing.T, c mobula.Config) {
	t.Helper()
	if err := mobula.Connect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mobula.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestInProcess(t *testing.T) {
	connect(t, mobula.Config{InProcess: true, CPUs: 2})
	runAll(t)
}

func TestOneNode(t *testing.T) {
	connect(t, mobula.Config{CPUs: 2})
	runAll(t)
}
