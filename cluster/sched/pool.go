package sched

import (
	"maps"
	"slices"
	"strconv"
)

// Device is one GPU, or in a bundle the share of one.
type Device struct {
	Index    int    `json:"index"` // on its node
	ID       string `json:"id"`    // the device's uuid
	Lost     bool   `json:"lost,omitzero"`
	Capacity Amount `json:"capacity"` // 1, or less in a bundle
	Free     Amount `json:"free"`
}

// Share is a part of a device, or all of it.
type Share struct {
	Device int    `json:"device"` // Device.Index
	Amount Amount `json:"amount"`
}

// Holders counts who holds something of one resource.
type Holders struct {
	Tasks  int `json:"tasks,omitzero"`  // and actors
	Groups int `json:"groups,omitzero"` // bundles of placement groups
}

// Pool is what can be allocated, and what of it is free: a node's resources or a bundle's.
// The GPU quantities are the sums over the devices that are not lost.
type Pool struct {
	Total   Resources          `json:"total"`
	Free    Resources          `json:"free"` // CPU is negative while tasks that waited run again
	Devices []Device           `json:"devices,omitempty"`
	Users   map[string]Holders `json:"users,omitempty"` // by resource
}

// NewPool returns a pool in which all is free. The GPUs are the given devices; without any, total.GPU new ones, called "0", "1"...
func NewPool(total Resources, devices []Device) Pool {
	p := Pool{Total: total.clone(), Free: total.clone(), Devices: slices.Clone(devices)}
	if len(devices) == 0 {
		for i := range int(total.GPU / One) {
			p.Devices = append(p.Devices, Device{ID: strconv.Itoa(i)})
		}
	}
	for i := range p.Devices {
		p.Devices[i].Index, p.Devices[i].Capacity, p.Devices[i].Free = i, One, One
	}
	p.recount()
	return p
}

// Clone returns a copy that shares nothing.
func (p Pool) Clone() Pool {
	return Pool{p.Total.clone(), p.Free.clone(), slices.Clone(p.Devices), maps.Clone(p.Users)}
}

// emptied returns the pool as it would be if nobody used it.
func (p Pool) emptied() Pool {
	p.Free, p.Devices, p.Users = p.Total.clone(), slices.Clone(p.Devices), nil
	for i := range p.Devices {
		p.Devices[i].Free = p.Devices[i].Capacity
	}
	p.recount()
	return p
}

func (p *Pool) recount() {
	p.Total.GPU, p.Free.GPU = 0, 0
	for _, d := range p.Devices {
		if !d.Lost {
			p.Total.GPU += d.Capacity
			p.Free.GPU += d.Free
		}
	}
}

// Fits reports whether r can be allocated now.
func (p *Pool) Fits(r Resources) bool {
	if r.CPU > 0 && r.CPU > p.Free.CPU || r.Memory > 0 && r.Memory > p.Free.Memory {
		return false
	}
	for name, a := range r.Custom {
		if a > 0 && a > p.Free.Custom[name] {
			return false
		}
	}
	return r.GPU <= 0 || p.fitsGPU(r.GPU, false)
}

// Holds reports whether r could be allocated if nobody used the pool.
func (p *Pool) Holds(r Resources) bool {
	if r.CPU > p.Total.CPU || r.Memory > p.Total.Memory {
		return false
	}
	for name, a := range r.Custom {
		if a > p.Total.Custom[name] {
			return false
		}
	}
	return r.GPU <= 0 || p.fitsGPU(r.GPU, true)
}

// fitsGPU says whether devices for the amount are free, or with empty, are there.
func (p *Pool) fitsGPU(amount Amount, empty bool) bool {
	if amount > One && amount%One != 0 {
		return false
	}
	each, found := min(amount, One), Amount(0)
	for i := range p.Devices {
		room := p.Devices[i].Free
		if empty {
			room = p.Devices[i].Capacity
		}
		if room >= each && !p.Devices[i].Lost {
			if found += each; found >= amount {
				return true
			}
		}
	}
	return false
}

// pick chooses devices: whole ones in order; for a fraction the fullest on which it fits, so that others stay whole.
func (p *Pool) pick(amount Amount) []Share {
	if amount <= 0 {
		return nil
	}
	if amount >= One {
		var shares []Share
		for _, d := range p.Devices {
			if d.Free >= One && !d.Lost && len(shares) < int(amount/One) {
				shares = append(shares, Share{d.Index, One})
			}
		}
		return shares
	}
	best := -1
	for i, d := range p.Devices {
		if d.Free >= amount && !d.Lost && (best < 0 || d.Free < p.Devices[best].Free) {
			best = i
		}
	}
	return []Share{{p.Devices[best].Index, amount}}
}

// allocate takes r on the given devices or, with none given, on devices that it picks.
func (p *Pool) allocate(op string, r Resources, devices []Share, by Holders) ([]Share, error) {
	if name := r.negative(); name != "" {
		return nil, &LedgerError{op, "a quantity below 0 of " + name}
	}
	if !p.Fits(r) {
		return nil, &Insufficient{Needs: r.clone(), Free: p.Free.clone()}
	}
	shares := slices.Clone(devices)
	if len(shares) == 0 {
		shares = p.pick(r.GPU)
	} else if !p.offers(r.GPU, shares) {
		return nil, &LedgerError{op, "the devices that were chosen are not free: decide again from a new snapshot"}
	}
	p.take(r, shares, by)
	return shares, nil
}

// offers reports whether the shares are free and make up the amount: a part of one device, or whole ones.
func (p *Pool) offers(amount Amount, shares []Share) bool {
	each := min(amount, One)
	if each*Amount(len(shares)) != amount {
		return false
	}
	for i, s := range shares {
		free := slices.ContainsFunc(p.Devices, func(d Device) bool { return d.Index == s.Device && !d.Lost && d.Free >= each })
		twice := slices.ContainsFunc(shares[:i], func(earlier Share) bool { return earlier.Device == s.Device })
		if !free || twice || s.Amount != each {
			return false
		}
	}
	return true
}

// take allocates r, which must fit, on the devices of shares.
func (p *Pool) take(r Resources, shares []Share, by Holders) {
	p.Free.subtract(r)
	p.move(shares, -1)
	p.count(r, by)
}

// give returns what take took.
func (p *Pool) give(r Resources, shares []Share, by Holders) {
	p.Free.add(r)
	p.move(shares, 1)
	p.count(r, Holders{-by.Tasks, -by.Groups})
}

func (p *Pool) move(shares []Share, sign Amount) {
	for _, s := range shares {
		i := slices.IndexFunc(p.Devices, func(d Device) bool { return d.Index == s.Device })
		p.Devices[i].Free += sign * s.Amount
	}
	if len(shares) > 0 {
		p.recount()
	}
}

func (p *Pool) count(r Resources, by Holders) {
	if r.CPU != 0 {
		p.countOne(CPU, by)
	}
	if r.GPU != 0 {
		p.countOne(GPU, by)
	}
	if r.Memory != 0 {
		p.countOne(Memory, by)
	}
	for name, a := range r.Custom {
		if a != 0 {
			p.countOne(name, by)
		}
	}
}

func (p *Pool) countOne(name string, by Holders) {
	if p.Users == nil {
		p.Users = map[string]Holders{}
	}
	h := p.Users[name]
	h.Tasks += by.Tasks
	h.Groups += by.Groups
	if h == (Holders{}) {
		delete(p.Users, name)
		return
	}
	p.Users[name] = h
}

// bundlePool is what a bundle of r on the devices of shares gives its tasks.
func (p *Pool) bundlePool(r Resources, shares []Share) Pool {
	bundle := Pool{Total: r.clone(), Free: r.clone()}
	for _, s := range shares {
		i := slices.IndexFunc(p.Devices, func(d Device) bool { return d.Index == s.Device })
		bundle.Devices = append(bundle.Devices, Device{s.Device, p.Devices[i].ID, p.Devices[i].Lost, s.Amount, s.Amount})
	}
	bundle.recount()
	return bundle
}
