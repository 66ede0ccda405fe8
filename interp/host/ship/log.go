package ship

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"mobula/internal/bytesize"
	"mobula/interp/loader"
)

// part is a part of the log. Exactly one pointer is set.
type part struct {
	File     *filePart
	Unit     *unitPart
	Variable *variablePart
}

// filePart is a file that a later part names: an archive or a C library.
type filePart struct {
	Name string
	Data []byte
}

// unitPart is a unit. Its files came before.
type unitPart struct {
	Archive   string
	Define    []string
	Register  string
	Redirect  [][2]string
	Packages  []loader.Package
	Libraries []string
	Level     []uint64
}

// variablePart is a variable that was made without the compiler.
type variablePart struct {
	Name  string
	Type  string
	Level []uint64
}

// maxLog bounds the log in bytes. It lies in a file without a name in the folder for temporary files.
const maxLog = 1 << 30

// log is a list of parts. After a failure code can still be loaded, but no longer be shipped.
type log struct {
	file   *os.File
	ends   []int64
	files  map[string]bool // that parts have brought
	failed error
}

func (l *log) fail(err error) {
	if l.failed == nil {
		l.failed = fmt.Errorf("the code of this session cannot be shipped any more (%w): restart it", err)
	}
}

func (l *log) size() int64 {
	if len(l.ends) == 0 {
		return 0
	}
	return l.ends[len(l.ends)-1]
}

// addUnit adds a unit and the files that it needs.
func (l *log) addUnit(u *unitPart) {
	var names []string
	for _, k := range u.Packages {
		names = append(names, k.Archive)
	}
	names = append(names, u.Libraries...)
	if u.Archive != "" {
		delete(l.files, u.Archive) // the same name is another archive each time
		names = append(names, u.Archive)
	}
	for _, name := range names {
		if l.files[name] {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			l.fail(err)
			return
		}
		if l.add(&part{File: &filePart{name, data}}); l.failed != nil {
			return
		}
	}
	l.add(&part{Unit: u})
}

func (l *log) add(p *part) {
	if l.failed != nil {
		return
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(p); err != nil {
		l.fail(err)
		return
	}
	l.append(p, b.Bytes())
}

func (l *log) append(p *part, data []byte) {
	end := l.size() + int64(len(data))
	if end > maxLog {
		l.fail(fmt.Errorf("it has more than %s", bytesize.Format(maxLog)))
		return
	}
	if err := l.write(data); err != nil {
		l.fail(err)
		return
	}
	l.ends = append(l.ends, end)
	if p.File != nil {
		if l.files == nil {
			l.files = map[string]bool{}
		}
		l.files[p.File.Name] = true
	}
}

func (l *log) write(data []byte) (err error) {
	if l.file == nil {
		if l.file, err = temporary("mobula-code"); err != nil {
			return err
		}
	}
	_, err = l.file.WriteAt(data, l.size())
	return err
}

// temporary returns a new file without a name.
func temporary(name string) (*os.File, error) {
	f, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (l *log) read(n int) ([]byte, error) {
	if n < 0 || n >= len(l.ends) {
		return nil, fmt.Errorf("part %d of the code is asked for: there are %d", n, len(l.ends))
	}
	start := int64(0)
	if n > 0 {
		start = l.ends[n-1]
	}
	data := make([]byte, l.ends[n]-start)
	_, err := l.file.ReadAt(data, start)
	return data, err
}

// Part returns a part of the log.
func (p *Program) Part(n int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.read(n)
}

// Parts is the length of the log.
func (p *Program) Parts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.log.ends)
}

// Load carries out the n-th part of another process's log.
func (p *Program) Load(n int, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < len(p.log.ends) {
		return nil
	}
	if p.log.failed != nil {
		return p.log.failed
	}
	if n > len(p.log.ends) {
		return fmt.Errorf("part %d of the session's code has come after part %d", n, len(p.log.ends)-1)
	}
	m := &part{}
	err := gob.NewDecoder(bytes.NewReader(data)).Decode(m)
	if err == nil {
		err = p.carryOut(m)
	}
	if err != nil {
		p.log.fail(err)
		return fmt.Errorf("load part %d of the session's code: %w", n, err)
	}
	p.log.append(m, data)
	return p.log.failed
}

// carryOut loads a part; p.mu is held.
func (p *Program) carryOut(m *part) error {
	switch {
	case m.File != nil:
		return p.receive(m.File)
	case m.Unit != nil:
		return p.replay(m.Unit)
	case m.Variable != nil:
		t, err := p.TypeByName(m.Variable.Type)
		if err != nil {
			return err
		}
		if _, err = p.linker.Variable(m.Variable.Name, t); err != nil {
			return err
		}
		p.refresh()
		return p.compare(m.Variable.Level)
	}
	return errors.New("it is of a kind that this session host does not know")
}

// receive keeps a file, which the linker may map as long as the process lives.
func (p *Program) receive(f *filePart) error {
	file, err := temporary("mobula-archive")
	if err != nil {
		return err
	}
	if _, err := file.Write(f.Data); err != nil {
		return errors.Join(err, file.Close())
	}
	p.arrived[f.Name] = file
	return nil
}

// where is the path of a file that a part has brought, or one of the executable's own.
func (p *Program) where(name string) string {
	if f := p.arrived[name]; f != nil {
		return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	}
	return name
}

// discard closes a file that is needed no more. The archives of packages stay: the linker maps them when later units need symbols of them.
func (p *Program) discard(name string) {
	if f := p.arrived[name]; f != nil {
		_ = f.Close() // it was only read
		delete(p.arrived, name)
	}
}

// replay does what LoadUnit did in the process that has written the part.
func (p *Program) replay(m *unitPart) error {
	u := loader.Unit{Define: m.Define, Register: m.Register, Redirect: m.Redirect, Archives: maps.Clone(p.own())}
	for _, lib := range m.Libraries {
		u.Libraries = append(u.Libraries, p.where(lib))
	}
	for _, k := range m.Packages {
		at := p.where(k.Archive)
		u.Packages = append(u.Packages, loader.Package{Path: k.Path, Archive: at})
		u.Archives[k.Path] = at
	}
	if m.Archive != "" {
		u.Archive = p.where(m.Archive)
		defer p.discard(m.Archive)
	}
	before := p.linker.Regions()
	ld, err := p.linker.Load(u)
	if err != nil {
		return err
	}
	p.keepOrigins(before)
	p.refresh()
	if err := p.compare(m.Level); err != nil {
		return err
	}
	ld.Init()
	return nil
}

// compare checks that this image is filled as that of the process which has written the part.
func (p *Program) compare(level []uint64) error {
	if here := p.linker.Level(); !slices.Equal(here, level) {
		return fmt.Errorf("it lies elsewhere here (%d and %d): the processes have not loaded the same", here, level)
	}
	return nil
}
