package spill

// compact writes what is needed of a file into a new one. Where that fails, as on a full disk or with a damaged object, the old one
// stays, until it has lost half of its objects again.
func (d *Disk) compact(old *file) {
	for old != nil {
		objects, f, locations, err := d.rewrite(old)
		if err != nil {
			d.stay(old)
			return
		}
		old = d.move(old, f, objects, locations)
	}
}

func (d *Disk) rewrite(old *file) ([]Object, *file, []location, error) {
	from, err := d.fs.Open(old.name)
	if err != nil {
		return nil, nil, nil, err
	}
	defer from.Close()
	objects := d.needed(old, from)
	f := d.newFile(objects)
	locations, err := d.writeFile(f, objects)
	if err == nil {
		err = d.sameSums(old, objects, locations)
	}
	if err != nil {
		_ = d.fs.Remove(f.name) // it may not be there
	}
	return objects, f, locations, err
}

// needed returns the objects of a file as they are to be written.
func (d *Disk) needed(old *file, from File) []Object {
	d.mu.Lock()
	defer d.mu.Unlock()
	objects := make([]Object, 0, len(old.objects))
	for id := range old.objects {
		l := d.objects[id]
		objects = append(objects, Object{ID: id, Size: l.size, From: from, Offset: l.offset})
	}
	return objects
}

// sameSums fails where an object is not as it was: a damaged one must not get a checksum that is right.
func (d *Disk) sameSums(old *file, objects []Object, locations []location) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range objects {
		if l := d.objects[o.ID]; l.file == old && l.sum != locations[i].sum {
			return errDamaged
		}
	}
	return nil
}

// move lets objects be in the new file, and removes the old one. Those that were deleted in the meantime are in the new file in vain:
// it is returned where it is to be written anew itself.
func (d *Disk) move(old, f *file, objects []Object, locations []location) (next *file) {
	d.mu.Lock()
	for i, o := range objects {
		if d.objects[o.ID].file == old {
			d.objects[o.ID] = locations[i]
			continue
		}
		delete(f.objects, o.ID)
		f.needed -= o.Size
	}
	d.stats.Compacted += f.needed
	d.drop(old)
	d.add(f)
	switch {
	case len(f.objects) == 0:
		d.drop(f)
		defer func() { _ = d.fs.Remove(f.name) }() // what is left goes with the directory
	case f.needed <= f.least:
		f.compacting = true
		next = f
	}
	d.mu.Unlock()
	_ = d.fs.Remove(old.name) // as above
	return next
}

// stay leaves a file that could not be written anew as it is. It may have lost its last object in the meantime.
func (d *Disk) stay(f *file) {
	d.mu.Lock()
	f.compacting = false
	f.least = f.needed / 2
	empty := len(f.objects) == 0
	if empty {
		d.drop(f)
	}
	d.mu.Unlock()
	if empty {
		_ = d.fs.Remove(f.name) // what is left goes with the directory
	}
}
