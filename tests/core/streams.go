package core

import (
	"context"
	"errors"
	"fmt"

	"mobula"
)

var streams = []Program{
	{"a stream", func(ctx context.Context) (string, error) {
		total, n := 0, 0
		for v, err := range mobula.Stream(func(_ context.Context, yield func(int) bool) error {
			for i := range 1000 {
				if !yield(i) {
					return errors.New("nobody listens")
				}
			}
			return nil
		}) {
			if err != nil {
				return "", err
			}
			total, n = total+v, n+1
		}
		return fmt.Sprint(total, n), nil
	}, "499500 1000"},
	{"a stream that is left", func(ctx context.Context) (string, error) {
		n := 0
		for _, err := range mobula.Stream(func(ctx context.Context, yield func(int) bool) error {
			for yield(1) {
			}
			return ctx.Err()
		}) {
			if err != nil {
				return "", err
			}
			if n++; n == 1000 {
				break
			}
		}
		return fmt.Sprint(n), nil
	}, "1000"},
	{"a stream that fails", func(ctx context.Context) (string, error) {
		var got []int
		var failure error
		for v, err := range mobula.Stream(func(_ context.Context, yield func(int) bool) error {
			yield(1)
			yield(2)
			return errBusy
		}) {
			if err != nil {
				failure = err
				continue
			}
			got = append(got, v)
		}
		return fmt.Sprint(got, errors.Is(failure, errBusy)), nil
	}, "[1 2] true"},
	{"large items", func(ctx context.Context) (string, error) {
		total := 0.0
		for v, err := range mobula.Stream(func(_ context.Context, yield func([]float64) bool) error {
			for i := range 5 {
				list := ramp(100_000)
				list[0] = float64(i)
				yield(list)
			}
			return nil
		}) {
			if err != nil {
				return "", err
			}
			total += v[0]
		}
		return fmt.Sprint(total), nil
	}, "10"},
}
