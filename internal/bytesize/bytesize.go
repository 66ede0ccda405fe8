// Package bytesize reads and writes numbers of bytes as people do.
//
// # Usage
//
//	n, err := bytesize.Parse("1.5GiB")
//	text := bytesize.Format(n) // "1.5 GiB"
//
// # Concurrency
//
// All functions are pure.
//
// # Testing
//
// Tables, and FuzzParse.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unit is a name for a number of bytes.
type unit struct {
	name string
	size int64
}

// units are those that Parse knows, in small letters and without the B.
var units = []unit{
	{"ti", 1 << 40}, {"gi", 1 << 30}, {"mi", 1 << 20}, {"ki", 1 << 10},
	{"t", 1e12}, {"g", 1e9}, {"m", 1e6}, {"k", 1e3},
}

// binary are those that Format writes, largest first.
var binary = []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// Error tells that a text is no number of bytes.
type Error struct{ Text string }

// Error quotes the text and says what is allowed.
func (e *Error) Error() string {
	return fmt.Sprintf(`quantity %.40q: want bytes such as "512MiB", "2GB" or "4096"`, e.Text)
}

// Parse reads a number of bytes: "512MiB", "2 GB", "1.5GiB", "4096". Small letters will do, and the B may be left out:
// "2gi" is 2 GiB, "2g" is 2 GB.
func Parse(text string) (int64, error) {
	number := strings.ToLower(strings.TrimSpace(text))
	number, size := strings.TrimSuffix(number, "b"), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, size = rest, u.size
			break
		}
	}
	number = strings.TrimSpace(number)
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/size && n >= math.MinInt64/size {
		return n * size, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f*float64(size)) >= math.MaxInt64 {
		return 0, &Error{text}
	}
	return int64(f * float64(size)), nil
}

// Format writes a number of bytes in the largest binary unit, with one decimal where it is not whole.
func Format(n int64) string {
	for _, u := range binary {
		if n >= u.size || n <= -u.size {
			text := strconv.FormatFloat(float64(n)/float64(u.size), 'f', 1, 64)
			return strings.TrimSuffix(text, ".0") + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
