package index

import "mobula/objstore"

// Decision is one of the types below.
type Decision interface{ decision() }

// Grant answers a request for memory: a segment, or inline bytes where Segment is 0.
type Grant struct {
	Client  ClientID
	Seq     uint64
	Segment SegmentID
	Bytes   int64
}

// Fail answers a request, for memory or for an object, with an error.
type Fail struct {
	Client ClientID
	Seq    uint64
	Err    error
}

// Deliver answers a request for an object. Unless it is inline the client holds a pin.
type Deliver struct {
	Client ClientID
	Seq    uint64
	ID     objstore.ID
	Place  Place
}

// Unpin asks a client for the pins of an object that was freed; it keeps those that are in use.
type Unpin struct {
	Client ClientID
	ID     objstore.ID
}

// NewSegment asks for memory; SegmentReady answers.
type NewSegment struct {
	ID    SegmentID
	Bytes int64
}

// FreeSegment gives memory back to the system.
type FreeSegment struct{ ID SegmentID }

// Punch gives ranges of a segment back to the system; Punched answers.
type Punch struct {
	ID     SegmentID
	Ranges []Range
}

// Range is a part of a segment.
type Range struct{ Offset, Size int64 }

// Spill writes objects to one file; Spilled answers.
type Spill struct {
	Batch   uint64
	Objects []Item
}

// Item is an object with its place.
type Item struct {
	ID    objstore.ID
	Place Place
}

// Restore reads an object from disk into a place; Restored answers.
type Restore struct{ Item }

// DropSpilled forgets the copy on disk.
type DropSpilled struct{ ID objstore.ID }

// DropInline forgets the bytes of an inline object.
type DropInline struct{ ID objstore.ID }

// Collect asks all clients to drop what they do not use; Collected answers.
type Collect struct{}

// Stuck says that a request waits and nothing is under way that could help; GiveUp ends it.
type Stuck struct {
	Client ClientID
	Seq    uint64
	Object objstore.ID
}

func (Grant) decision()       {}
func (Fail) decision()        {}
func (Deliver) decision()     {}
func (Unpin) decision()       {}
func (NewSegment) decision()  {}
func (FreeSegment) decision() {}
func (Punch) decision()       {}
func (Spill) decision()       {}
func (Restore) decision()     {}
func (DropSpilled) decision() {}
func (DropInline) decision()  {}
func (Collect) decision()     {}
func (Stuck) decision()       {}
