package transfer

import "mobula/objstore"

// Users tells how many wait for an object.
func (f *Fetcher) Users(id objstore.ID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.flights[id]; t != nil {
		return t.users
	}
	return 0
}
