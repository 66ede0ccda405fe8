package transfer

import (
	"context"
	"fmt"

	"mobula/objstore"
)

// near copies the object from the store of a node of this machine. After an error it comes over a stream, which tells what is wrong.
func (c *copying) near(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, c.f.conf.Stall)
	defer cancel()
	store, err := c.from.Near(reading)
	if err != nil {
		return err
	}
	info, err := arrived(reading, store, c.id, defaultArrival)
	if err != nil {
		return err
	}
	object, err := store.Pin(reading, c.id)
	if err != nil {
		return err
	}
	defer object.Release()
	if int64(len(object.Whole)) != info.Size {
		return &objstore.LostError{ID: c.id, Reason: fmt.Sprintf("it has %d bytes, and had %d", len(object.Whole), info.Size)}
	}
	if err := c.begin(ctx, info.Size, info.Owner); err != nil {
		return err
	}
	for at := int64(0); at < c.size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		end := min(at+ChunkSize, c.size)
		c.w.Ensure(end)
		copy(c.w.Whole[at:end], object.Whole[at:end])
		c.f.stats.bytes.Add(end - at)
		at = end
	}
	c.f.stats.near.Add(1)
	return nil
}
