package head

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/filepack"
	"mobula/internal/filestore"
)

const (
	filesName  = "files"
	filesBytes = 4 << 30                           // of all files together, where Config does not say
	mostFile   = filepack.Limit + filepack.Limit/8 // of one; an archive is somewhat larger than its files
	unusedTime = time.Hour                         // files that no job needs stay so long, for the next submission of the same
)

// fileKeeper has the files of submitted jobs: working files, and what the jobs have left. It is opened by its first use.
type fileKeeper struct {
	h *Head

	mu     sync.Mutex // guards below; locked before those of the store
	store  *filestore.Store
	made   string // the directory of a head in memory
	closed bool

	needs sync.Mutex // guards below; nothing is locked under it
	in    *state.View
	sums  map[string]bool // that the jobs of in need
}

func (k *fileKeeper) open() (*filestore.Store, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.store != nil || k.closed {
		return k.store, k.closedError()
	}
	dir := filepath.Join(k.h.conf.Dir, filesName)
	if k.h.conf.Dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "mobula-files-"); err != nil {
			return nil, err
		}
		k.made = dir
	}
	var err error
	k.store, err = filestore.Open(dir, filestore.Config{Bound: k.h.conf.FilesBytes, Most: mostFile, Needed: k.needed})
	return k.store, err
}

func (k *fileKeeper) closedError() error {
	if k.closed {
		return headwire.Errorf(headwire.Unavailable, "the head ends")
	}
	return nil
}

// close removes what a head in memory has made.
func (k *fileKeeper) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.store, k.closed = nil, true
	if k.made == "" {
		return nil
	}
	return os.RemoveAll(k.made)
}

// needed reports whether a job refers to a file: to its working files while it may run, and to what it has left for as long as it is known.
func (k *fileKeeper) needed(sum string) bool {
	k.needs.Lock()
	defer k.needs.Unlock()
	if view := k.h.View(); k.in != view {
		k.in, k.sums = view, sumsIn(view)
	}
	return k.sums[sum]
}

func sumsIn(view *state.View) map[string]bool {
	sums := map[string]bool{}
	for s := range view.Submissions() {
		if s.Files != nil && !s.State.Ended() {
			sums[s.Files.Sum] = true
		}
		for _, f := range s.Kept {
			sums[f.Sum] = true
		}
		for _, a := range s.Attempts {
			if a.Log != nil {
				sums[a.Log.Sum] = true
			}
		}
	}
	return sums
}

// tidy removes files that no job has needed for a while.
func (k *fileKeeper) tidy(at time.Time) {
	k.mu.Lock()
	store := k.store
	k.mu.Unlock()
	if store != nil {
		store.Tidy(at.Add(-unusedTime))
	}
}

// haveFile and putFile answer for most heads: what they have all of, has been given to them.
func (h *Head) haveFile(ctx context.Context, s *session, in filestore.Ref) (headwire.FileHave, error) {
	out, err := h.files.have(ctx, s, in)
	return out, h.whenWhole(ctx, in, out, err)
}

func (h *Head) putFile(ctx context.Context, s *session, in headwire.FilePart) (headwire.FileHave, error) {
	out, err := h.files.put(ctx, s, in)
	return out, h.whenWhole(ctx, in.Ref, out, err)
}

func (h *Head) whenWhole(ctx context.Context, ref filestore.Ref, out headwire.FileHave, err error) error {
	if err != nil || out.Have < ref.Size {
		return err
	}
	store, err := h.files.open()
	if err != nil {
		return err
	}
	if _, whole := store.Size(ref.Sum); !whole {
		return nil // an empty file that has not come
	}
	return h.spread(ctx, ref)
}

func (h *Head) readFile(ctx context.Context, s *session, in headwire.FileRange) (headwire.FileData, error) {
	out, err := h.files.read(ctx, s, in)
	if headwire.HasCode(err, headwire.NotFound) {
		if ref, known := refTo(h.View(), in.Sum); known && h.fetch(ctx, ref) == nil {
			return h.files.read(ctx, s, in)
		}
	}
	return out, err
}

func (k *fileKeeper) have(_ context.Context, _ *session, in filestore.Ref) (headwire.FileHave, error) {
	store, err := k.open()
	if err == nil {
		err = checkFile(in)
	}
	if err != nil {
		return headwire.FileHave{}, err
	}
	return headwire.FileHave{Have: store.Have(in)}, nil
}

func (k *fileKeeper) put(_ context.Context, _ *session, in headwire.FilePart) (headwire.FileHave, error) {
	store, err := k.open()
	if err == nil {
		err = checkFile(in.Ref)
	}
	if err != nil {
		return headwire.FileHave{}, err
	}
	have, err := store.PutPart(in.Ref, in.Offset, in.Data)
	if full, ok := errors.AsType[*filestore.Full](err); ok {
		return headwire.FileHave{}, headwire.Errorf(headwire.Unavailable, "the head has %v by jobs: delete jobs that have ended with  mobula job delete", full)
	}
	if errors.Is(err, filestore.ErrDamaged) {
		return headwire.FileHave{}, headwire.Errorf(headwire.Invalid, "%v", err)
	}
	return headwire.FileHave{Have: have}, err
}

// read reads a part of a file.
func (k *fileKeeper) read(_ context.Context, _ *session, in headwire.FileRange) (headwire.FileData, error) {
	store, err := k.open()
	if err != nil {
		return headwire.FileData{}, err
	}
	data, err := store.ReadAt(in.Sum, in.Offset, headwire.FilePartSize)
	if errors.Is(err, filestore.ErrMissing) {
		err = headwire.Errorf(headwire.NotFound, "%v", err)
	}
	return headwire.FileData{Data: data}, err
}

func checkFile(in filestore.Ref) error {
	if err := in.Check(); err != nil {
		return headwire.Errorf(headwire.Invalid, "%v", err)
	}
	if in.Size > mostFile {
		return headwire.Errorf(headwire.Invalid, "%v", &filepack.TooLarge{Folder: "it", Size: in.Size, Limit: mostFile})
	}
	return nil
}
