package codec

import (
	"sync"
	"time"
	"unsafe"
)

// The locations that a time may have.
const (
	zoneUTC = iota
	zoneLocal
	zoneNamed // of the time zone database
	zoneFixed
)

// timeSpecial drops the monotonic reading: the other process has another clock.
var timeSpecial = &special{
	plain: true,
	write: func(e *encoder, p unsafe.Pointer) {
		t := (*time.Time)(p).Round(0)
		e.varint(t.Unix())
		e.uvarint(uint64(t.Nanosecond()))
		abbreviation, offset := t.Zone()
		switch name := t.Location().String(); {
		case t.Location() == time.UTC:
			e.uvarint(zoneUTC)
		case t.Location() == time.Local:
			e.uvarint(zoneLocal)
		case name == abbreviation || name == "":
			e.uvarint(zoneFixed)
			e.string(abbreviation)
			e.varint(int64(offset))
		default:
			e.uvarint(zoneNamed)
			e.string(name)
		}
	},
	read: func(d *decoder, p unsafe.Pointer) {
		seconds, nanoseconds := d.varint(), d.uvarint()
		if nanoseconds >= uint64(time.Second) {
			d.damaged("a time has %d nanoseconds", nanoseconds)
			return
		}
		t := time.Unix(seconds, int64(nanoseconds))
		if location := readLocation(d); location != nil {
			*(*time.Time)(p) = t.In(location)
		}
	},
}

func readLocation(d *decoder) *time.Location {
	switch zone := d.uvarint(); zone {
	case zoneUTC:
		return time.UTC
	case zoneLocal:
		return time.Local
	case zoneFixed:
		name, offset := d.string(), d.varint()
		if int64(int(offset)) != offset {
			d.damaged("a time zone is %d seconds off", offset)
			return nil
		}
		return time.FixedZone(name, int(offset))
	case zoneNamed:
		return namedLocation(d, d.string())
	default:
		d.damaged("unknown kind %d of time zone", zone)
		return nil
	}
}

// zones keeps the locations that were loaded from files: string to *time.Location.
var zones sync.Map

func namedLocation(d *decoder, name string) *time.Location {
	if l, ok := zones.Load(name); ok {
		return l.(*time.Location)
	}
	if name == "" || name == "UTC" || name == "Local" || d.err != nil {
		d.damaged("%q is the name of no time zone", name)
		return nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		d.fail("%w; import time/tzdata where the machine has no time zones", err)
		return nil
	}
	zones.Store(name, l)
	return l
}
