package sched

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount is a quantity of a resource in units of 1/10,000.
type Amount int64

// One is a whole unit: one CPU, one GPU.
const One Amount = 10_000

// decimals is how many digits after the point an Amount has.
const decimals = 4

// Whole returns n units.
func Whole(n int) Amount { return Amount(n) * One }

// ParseAmount reads a decimal number with at most 4 decimals, such as "0.5" or "2".
func ParseAmount(text string) (Amount, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return 0, &QuantityError{text, `a decimal number such as "2" or "0.5"`}
	}
	if len(fraction) > decimals {
		return 0, &QuantityError{text, "at most 4 decimals"}
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return 0, &QuantityError{text, "at most " + Amount(math.MaxInt64).String()}
	}
	if negative {
		n = -n
	}
	return Amount(n), nil
}

// AmountOf rounds a floating-point number to an Amount.
func AmountOf(f float64) (Amount, error) {
	scaled := math.Round(f * float64(One))
	switch {
	case math.IsNaN(f) || math.Abs(scaled) >= math.MaxInt64:
		return 0, &QuantityError{strconv.FormatFloat(f, 'g', -1, 64), "at most " + Amount(math.MaxInt64).String()}
	case scaled == 0 && f != 0:
		return 0, &QuantityError{strconv.FormatFloat(f, 'g', -1, 64), "0 or at least 0.0001"}
	}
	return Amount(scaled), nil
}

func allDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// String writes the amount without needless zeros: "0.5", "2".
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%s%d.%04d", sign, n/uint64(One), n%uint64(One))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// MarshalText writes the amount as String does.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what ParseAmount does.
func (a *Amount) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAmount(string(text))
	return err
}

// QuantityError tells that a quantity of a resource cannot be read.
type QuantityError struct {
	Text string
	Want string // what is allowed
}

// Error quotes the text and says what is allowed.
func (e *QuantityError) Error() string { return fmt.Sprintf("quantity %.40q: want %s", e.Text, e.Want) }
