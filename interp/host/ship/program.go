package ship

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"mobula/internal/closure"
	"mobula/internal/program"
	"mobula/interp/loader"
)

// Program is the code of this host: the executable, and what was loaded.
type Program struct {
	*program.Image
	linker   *loader.Linker
	own      func() map[string]string
	session  string
	segments atomic.Pointer[[]*program.Segment]
	layouts  sync.Map // addresses of variables to *layout
	given    sync.Map // uintptr to reflect.Value: variables that SetEnvironment has set
	homes    sync.Map // unsafe.Pointer to their link names: what they point to

	// Assigns tells whether the function at an entry assigns to a variable of the session in its source, and where. It may be nil, and is set
	// before the first use.
	Assigns func(entry uintptr) (name, place string, ok bool)

	mu       sync.Mutex // orders what is loaded; guards below
	log      log
	arrived  map[string]*os.File // what parts have brought, by their names in the parts
	origins  []origin
	reached  map[string]*reached // by name; of the code that is loaded now
	environs map[string]environ  // by digest: those that this process has described, or has set
	set      map[string]string   // digests of variables that were set here, by link name
}

var _ program.Program = (*Program)(nil)

// NewSession returns a name for a session: only its own processes share its code.
func NewSession() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// New returns the program of this process, in which nothing but the self-test is loaded. own lists the archives of the
// executable's packages.
func New(l *loader.Linker, own func() map[string]string, session string) (*Program, error) {
	p := &Program{linker: l, own: own, session: session, arrived: map[string]*os.File{},
		reached: map[string]*reached{}, environs: map[string]environ{}, set: map[string]string{}}
	var err error
	if p.Image, err = program.OpenImage(p.segment); err != nil {
		return nil, err
	}
	p.refresh()
	return p, nil
}

// Session is the name that was given to New.
func (p *Program) Session() string { return p.session }

// Digest names the code of this session.
func (p *Program) Digest() string { return p.ExecutableDigest() + "-" + p.session }

// segment finds what was loaded at an address.
func (p *Program) segment(at uintptr) *program.Segment {
	for _, s := range *p.segments.Load() {
		if s.Start <= at && at < s.End {
			return s
		}
	}
	return nil
}

// refresh tells of what is loaded now; p.mu is held.
func (p *Program) refresh() {
	code := closure.Code{}
	var list []*program.Segment
	for _, r := range p.linker.Regions() {
		s := &program.Segment{Range: closure.Range{Start: r.Start, End: r.End}, Writable: r.Writable, Code: r.Code, Loaded: true}
		list = append(list, s)
		switch {
		case r.Code:
			code.Text = s.Range
		case r.Writable:
			s.Unchanged = p.unchanged
			fallthrough
		default:
			code.Data = append(code.Data, s.Range)
		}
	}
	p.segments.Store(&list)
	closure.Register(code)
	clear(p.reached)
}

// origin is what variables of packages were before anything ran.
type origin struct {
	start  uintptr
	before []byte
}

// maxOrigin bounds what is kept of the variables of one unit and its packages, in bytes.
const maxOrigin = 1 << 20

// keepOrigins copies the variables that were loaded between two levels; p.mu is held.
func (p *Program) keepOrigins(before []loader.Region) {
	for i, r := range p.linker.Regions() {
		from := before[i].End
		if r.Writable && r.End > from && r.End-from <= maxOrigin {
			b := unsafe.Slice((*byte)(pointer(from)), r.End-from)
			p.origins = append(p.origins, origin{from, append([]byte(nil), b...)})
		}
	}
}

// unchanged reports whether memory of a package's variables is as it was loaded. Variables of the session are copied in any case.
func (p *Program) unchanged(at unsafe.Pointer, size uintptr) bool {
	if size > program.MostCompared || p.linker.InVariable(uintptr(at)) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.origins {
		if offset := uintptr(at) - o.start; uintptr(at) >= o.start && offset+size <= uintptr(len(o.before)) {
			return program.SameBytes(at, o.before[offset:offset+size])
		}
	}
	return false
}

// pointer is for addresses outside the Go heap.
func pointer(a uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&a)) }

// LoadUnit links a unit and enters it into the log.
func (p *Program) LoadUnit(u loader.Unit) (*loader.Loaded, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	part := unitPart{Archive: u.Archive, Define: u.Define, Register: u.Register, Redirect: u.Redirect, Packages: u.Packages, Libraries: u.Libraries}
	before := p.linker.Regions()
	ld, err := p.linker.Load(u)
	if err != nil {
		return nil, err
	}
	part.Level = p.linker.Level()
	p.keepOrigins(before)
	p.refresh()
	p.log.addUnit(&part)
	return ld, nil
}

// NewVariable makes a variable of the session and enters it into the log.
func (p *Program) NewVariable(name string, t reflect.Type) (unsafe.Pointer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, err := p.linker.Variable(name, t)
	if err != nil {
		return nil, err
	}
	p.refresh()
	typ, err := p.TypeName(t)
	if err != nil {
		p.log.fail(fmt.Errorf("variable %s: %w", name, err))
		return at, nil
	}
	p.log.add(&part{Variable: &variablePart{name, typ, p.linker.Level()}})
	return at, nil
}
