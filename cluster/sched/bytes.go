package sched

import (
	"math"
	"strconv"
	"strings"
)

// unit is a name for a number of bytes.
type unit struct {
	name string
	size int64
}

// units are what ParseBytes knows. FormatBytes writes the binary ones, largest first.
var units = []unit{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// ParseBytes reads a number of bytes: "512MiB", "2 GB", "1.5GiB", "4096".
func ParseBytes(text string) (int64, error) {
	number, size := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/size && n >= math.MinInt64/size {
		return n * size, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f*float64(size)) >= math.MaxInt64 {
		return 0, &QuantityError{text, `bytes such as "512MiB", "2GB" or "4096"`}
	}
	return int64(f * float64(size)), nil
}

// FormatBytes writes a number of bytes in the largest binary unit, with one decimal where it is not whole.
func FormatBytes(n int64) string {
	for _, u := range units[:4] {
		if n >= u.size || n <= -u.size {
			text := strconv.FormatFloat(float64(n)/float64(u.size), 'f', 1, 64)
			return strings.TrimSuffix(text, ".0") + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
