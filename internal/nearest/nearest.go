// Package nearest finds the name that was probably meant by a misspelt one.
//
// # Usage
//
//	name, ok := nearest.Name("mistake", known, 2)
//
// # Concurrency
//
// All functions are pure.
//
// # Testing
//
// A table.
package nearest

// Name returns the known name that is fewest letters apart, if that is at most so many; of equals the first.
func Name(name string, known []string, most int) (string, bool) {
	best, least := "", most+1
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best, least <= most
}

// distance is the number of letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
