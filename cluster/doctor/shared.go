package doctor

import "mobula/objstore/memfile"

// tryShared makes a shared file in memory, as object stores do.
func tryShared() error {
	f, err := memfile.Create(1 << 16)
	if err != nil {
		return err
	}
	f.Close()
	return nil
}
