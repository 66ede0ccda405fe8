package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mobula/internal/bytesize"
)

// Ref names a file.
type Ref struct {
	Sum  string `json:"sum"` // SHA-256 of its content, in hex
	Size int64  `json:"size"`
}

// RefOf names content.
func RefOf(content []byte) Ref {
	s := NewSum()
	_, _ = s.Write(content) // it never fails
	return s.Ref()
}

// Sum makes the name of what is written to it.
type Sum struct {
	hash hash.Hash
	size int64
}

// NewSum returns a Sum to which nothing was written.
func NewSum() *Sum { return &Sum{hash: sha256.New()} }

// Write never fails.
func (s *Sum) Write(b []byte) (int, error) {
	s.size += int64(len(b))
	return s.hash.Write(b)
}

// Ref names what was written.
func (s *Sum) Ref() Ref { return Ref{hex.EncodeToString(s.hash.Sum(nil)), s.size} }

// Check finds a sum that is none: it may be the name of any file else.
func (r Ref) Check() error {
	digits, err := hex.DecodeString(r.Sum)
	switch {
	case err != nil || len(digits) != sha256.Size || strings.ToLower(r.Sum) != r.Sum:
		return fmt.Errorf("%.80q is no SHA-256 of a file: it has 64 hexadecimal digits", r.Sum)
	case r.Size < 0:
		return fmt.Errorf("a file of %d bytes", r.Size)
	}
	return nil
}

// Write writes a file into a directory under its sum. It has its name once it is whole.
func Write(dir string, ref Ref, from io.Reader, mode fs.FileMode) (path string, err error) {
	if err := ref.Check(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the other error is told
		}
	}()
	sum := NewSum()
	_, err = io.CopyN(io.MultiWriter(file, sum), from, ref.Size)
	if err = errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return "", err
	}
	if sum.Ref() != ref {
		return "", ErrDamaged
	}
	path = filepath.Join(dir, ref.Sum)
	return path, os.Rename(file.Name(), path)
}

// ErrDamaged tells that content is not that of its sum.
var ErrDamaged = errors.New("what came is not what was promised: it was changed, or damaged on its way")

// ErrMissing tells that a file is not there.
var ErrMissing = errors.New("the file is not here: it was not sent, or was removed since nobody needed it")

// Full tells that there is no room for a file.
type Full struct{ Size, Needed, Bound int64 }

// Error says how much is needed.
func (e *Full) Error() string {
	return fmt.Sprintf("no room for %s: %s of the %s for files are needed", bytesize.Format(e.Size), bytesize.Format(e.Needed), bytesize.Format(e.Bound))
}

// Config says what a store keeps.
type Config struct {
	Bound int64 // bytes of all files together
	Most  int64 // bytes of one; 0: Bound
	// Needed reports whether a file must stay.
	Needed func(sum string) bool
	// Grace is how long after its last use a file stays that nobody needs: whoever sends it is about to say what for. 0: one minute.
	Grace time.Duration
}

// Store keeps files.
type Store struct {
	dir  string
	conf Config

	mu      sync.Mutex // guards below, and the files
	files   map[string]*file
	parts   map[string]*part
	present int64 // bytes of files, and of what parts will be
}

type file struct {
	size int64
	used time.Time
}

// part is a file of which not all has come.
type part struct {
	ref  Ref
	have int64
	used time.Time
}

const partSuffix = ".part"

// Open opens the store in a directory, which is made. Files are there that were kept; those that had not come as a whole are not.
func Open(dir string, c Config) (*Store, error) {
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Most == 0 {
		c.Most = c.Bound
	}
	s := &Store{dir: dir, conf: c, files: map[string]*file{}, parts: map[string]*part{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range all {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		if (Ref{Sum: entry.Name()}).Check() != nil {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return nil, err
			}
			continue
		}
		s.files[entry.Name()] = &file{info.Size(), info.ModTime()}
		s.present += info.Size()
	}
	return s, nil
}

func (s *Store) path(sum string) string { return filepath.Join(s.dir, sum) }

// Size is that of a file that is there, and counts as a use of it.
func (s *Store) Size(sum string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[sum]
	if f == nil {
		return 0, false
	}
	f.used = time.Now()
	return f.size, true
}

// Have is how many bytes of a file are there: the next part begins there.
func (s *Store) Have(ref Ref) int64 {
	if size, ok := s.Size(ref.Sum); ok {
		return size
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parts[ref.Sum]; p != nil && p.ref == ref {
		return p.have
	}
	return 0
}

// Put takes a whole file.
func (s *Store) Put(ref Ref, content []byte) error {
	_, err := s.PutPart(ref, 0, content)
	return err
}

// PutPart takes a part of a file, from an offset on, and returns how many bytes of it are there now. Bytes that have come before are left out; a part
// that begins behind those is not taken.
func (s *Store) PutPart(ref Ref, offset int64, data []byte) (have int64, err error) {
	if err := ref.Check(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[ref.Sum]; f != nil {
		f.used = time.Now()
		return f.size, nil
	}
	p := s.parts[ref.Sum]
	if p == nil || p.ref != ref {
		if p, err = s.begin(ref); err != nil {
			return 0, err
		}
	}
	p.used = time.Now()
	if offset > p.have || offset < 0 || offset+int64(len(data)) > ref.Size {
		return p.have, nil
	}
	if data = data[min(p.have-offset, int64(len(data))):]; len(data) > 0 {
		if err := writeAt(s.path(ref.Sum)+partSuffix, p.have, data); err != nil {
			s.drop(p)
			return 0, err
		}
		p.have += int64(len(data))
	}
	if p.have < ref.Size {
		return p.have, nil
	}
	return ref.Size, s.finish(p)
}

// begin makes room for a file.
func (s *Store) begin(ref Ref) (*part, error) {
	if ref.Size > s.conf.Most {
		return nil, fmt.Errorf("a file of %s: at most %s are taken", bytesize.Format(ref.Size), bytesize.Format(s.conf.Most))
	}
	if p := s.parts[ref.Sum]; p != nil {
		s.drop(p)
	}
	if err := s.makeRoom(ref.Size); err != nil {
		return nil, err
	}
	p := &part{ref: ref, used: time.Now()}
	if err := os.WriteFile(s.path(ref.Sum)+partSuffix, nil, 0o600); err != nil {
		return nil, err
	}
	s.parts[ref.Sum] = p
	s.present += ref.Size
	return p, nil
}

// drop gives up on a file that has not come as a whole.
func (s *Store) drop(p *part) {
	_ = os.Remove(s.path(p.ref.Sum) + partSuffix) // the next one of that name is written anew
	delete(s.parts, p.ref.Sum)
	s.present -= p.ref.Size
}

// finish gives a file that is whole its name.
func (s *Store) finish(p *part) error {
	name := s.path(p.ref.Sum)
	ref, err := RefOfFile(name + partSuffix)
	if err == nil && ref != p.ref {
		err = ErrDamaged
	}
	if err == nil {
		err = os.Rename(name+partSuffix, name)
	}
	if err != nil {
		s.drop(p)
		return err
	}
	delete(s.parts, p.ref.Sum)
	s.files[p.ref.Sum] = &file{p.ref.Size, time.Now()}
	return nil
}

// RefOfFile names the content of a file.
func RefOfFile(path string) (Ref, error) {
	f, err := os.Open(path)
	if err != nil {
		return Ref{}, err
	}
	defer f.Close()
	sum := NewSum()
	if _, err := io.Copy(sum, f); err != nil {
		return Ref{}, err
	}
	return sum.Ref(), nil
}

func writeAt(path string, offset int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	return errors.Join(err, f.Close())
}

// ReadAt reads at most n bytes of a file from an offset on; none at its end.
func (s *Store) ReadAt(sum string, offset, n int64) ([]byte, error) {
	size, ok := s.Size(sum)
	if !ok {
		return nil, ErrMissing
	}
	if offset < 0 || offset > size {
		return nil, fmt.Errorf("byte %d of a file of %d", offset, size)
	}
	f, err := os.Open(s.path(sum))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var text bytes.Buffer
	_, err = io.Copy(&text, io.NewSectionReader(f, offset, min(n, size-offset)))
	return text.Bytes(), err
}
