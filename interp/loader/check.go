package loader

// checkNames verifies the symbol tables and all strings.
func (o *object) checkNames() error {
	for _, b := range []struct{ blk, size, off int }{
		{blkAutolib, refNameSize, 0}, {blkPkgIdx, strSize, 0}, {blkFile, strSize, 0}, {blkRefName, refNameSize, 8},
		{blkSym, symSize, 0}, {blkHashed64, symSize, 0}, {blkHashed, symSize, 0}, {blkNonpkg, symSize, 0}, {blkNonpkgref, symSize, 0},
	} {
		if int(o.off[b.blk+1]-o.off[b.blk])%b.size != 0 {
			return damaged("block %d has a part of a record", b.blk)
		}
		for i := range o.count(b.blk, b.size) {
			p := o.at(b.blk, i, b.size) + uint32(b.off)
			if n, q := uint64(o.u32(p)), uint64(o.u32(p+4)); n+q > uint64(len(o.b)) {
				return damaged("string %d of block %d lies outside", i, b.blk)
			}
		}
	}
	return nil
}

// checkAll verifies every other offset and index, so that the other methods need not.
func (o *object) checkAll() error {
	if o.checked {
		return nil
	}
	for _, blk := range []int{blkRelocIdx, blkAuxIdx, blkDataIdx} {
		if o.count(blk, 4) < o.defs()+1 {
			return damaged("index block %d is short", blk)
		}
	}
	for i := range o.defs() {
		if err := o.checkSym(i); err != nil {
			return err
		}
	}
	o.checked = true
	return nil
}

func (o *object) checkSym(i int) error {
	for _, x := range [...]struct{ idx, blk, size int }{{blkRelocIdx, blkReloc, relocSize}, {blkAuxIdx, blkAux, auxSize}, {blkDataIdx, blkData, 1}} {
		p := o.at(x.idx, i, 4)
		if a, e := o.u32(p), o.u32(p+4); a > e || int(e) > o.count(x.blk, x.size) {
			return damaged("symbol %d has records %d to %d in block %d", i, a, e, x.blk)
		}
	}
	p := o.at(blkSym, i, symSize)
	size, align, data := o.u32(p+13), o.u32(p+17), len(o.data(i))
	if align&(align-1) != 0 || align > 4096 {
		return damaged("symbol %d has alignment %d", i, align)
	}
	if o.b[p+10] < kindFirstDebug && uint32(data) > size {
		return damaged("symbol %d of size %d has %d bytes", i, size, data)
	}
	for r := range o.relocs(i) {
		if r.off < 0 || r.size > 8 || r.size > 0 && r.off+r.size > data {
			return damaged("symbol %d has a relocation at %d", i, r.off)
		}
		if err := o.checkRef(r.ref); err != nil {
			return err
		}
	}
	for a := range o.auxes(i) {
		if err := o.checkRef(a.ref); err != nil {
			return err
		}
	}
	return nil
}

func (o *object) checkRef(r ref) error {
	if r == (ref{}) || r.pkg == pkgBuiltin {
		return nil
	}
	if r.pkg > pkgSelf-1 {
		if _, ok := o.local(r); ok {
			return nil
		}
	} else if int(r.pkg) < o.count(blkPkgIdx, strSize) && r.pkg != 0 {
		return nil
	}
	return damaged("a reference to symbol %d of package %d", r.sym, r.pkg)
}
