//go:build !unix

package doctor

import "math"

func openFiles() (uint64, error) { return math.MaxInt64, nil }
