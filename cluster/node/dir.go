package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"mobula/internal/filelock"
	"mobula/internal/id"
)

const (
	dirPrefix    = "mobula-node-"
	lockName     = "lock"
	socketName   = "node.sock"
	logsName     = "logs"
	programsName = "programs" // copies of those of other nodes, and of working files
	jobsName     = "jobs"     // working directories of submitted jobs
	// orphanAge is how old a directory without a lock must be to count as left behind: its owner may be about to make the lock.
	orphanAge = time.Minute
)

// directory is where a node's sockets and logs are. While the node lives it holds a lock in it.
type directory struct {
	path string
	lock *os.File
	made bool // by us, so that all of it goes
}

// openDirectory makes a directory, under the user's runtime directory unless one is given, and removes those that killed nodes left.
func openDirectory(given string) (*directory, error) {
	if given != "" {
		_, err := os.Stat(given)
		d := &directory{path: given, made: errors.Is(err, fs.ErrNotExist)}
		if err := os.MkdirAll(given, 0o700); err != nil {
			return nil, err
		}
		return d, d.acquire(false)
	}
	base := BaseDir()
	removeLeftovers(base)
	for {
		path, err := os.MkdirTemp(base, dirPrefix) // 0700
		if err != nil {
			return nil, err
		}
		d := &directory{path: path, made: true}
		err = d.acquire(true) // those who look for leftovers and sockets have it for a moment
		if _, lost := os.Lstat(path); lost == nil || !errors.Is(lost, fs.ErrNotExist) {
			return d, err
		}
		_ = d.lock.Close() // another node that starts took it for a leftover before the lock was there
	}
}

// maxBase is how long the name of the folder for temporary files may be, in bytes: the name of a socket below it has at most 107.
const maxBase = 40

// BaseDir is where the directories of this user's nodes are.
func BaseDir() string {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if base == "" || os.MkdirAll(base, 0o700) != nil {
		base = os.TempDir()
		if len(base) > maxBase && runtime.GOOS != "windows" {
			base = "/tmp"
		}
	}
	return base
}

// Local is a node of this machine, as it has written down when it started: so it is known of one that does not answer, too.
type Local struct {
	Address  string  `json:"-"`
	ID       id.Node `json:"id"`
	Name     string  `json:"name"`
	PID      int     `json:"pid"` // 0: it has not written yet
	Embedded bool    `json:"embedded"`
}

// Here lists the nodes of this user that run on this machine, the newest first. Those with a directory of their own (Config.Dir) are
// not among them.
func Here() []Local {
	found, err := filepath.Glob(filepath.Join(BaseDir(), dirPrefix+"*"))
	if err != nil {
		return nil
	}
	began := map[string]time.Time{}
	var live []Local
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || !isMine(info) {
			continue
		}
		name := filepath.Join(path, lockName)
		if info, err = os.Stat(name); err != nil {
			continue
		}
		lock, err := filelock.Open(name, false)
		if err == nil {
			_ = lock.Close() // nobody uses it
			continue
		}
		var l Local
		text, err := os.ReadFile(name)
		if err != nil || json.Unmarshal(text, &l) != nil {
			l = Local{} // it has just ended, or begins
		}
		l.Address = filepath.Join(path, socketName)
		live = append(live, l)
		began[l.Address] = info.ModTime()
	}
	slices.SortFunc(live, func(a, b Local) int { return began[b.Address].Compare(began[a.Address]) })
	return live
}

// Sockets lists the addresses of Here.
func Sockets() []string {
	var all []string
	for _, l := range Here() {
		all = append(all, l.Address)
	}
	return all
}

// describe writes into the lock whose it is.
func (d *directory) describe(l Local) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := d.lock.Truncate(0); err != nil { // another node may have had the directory
		return err
	}
	_, err = d.lock.WriteAt(text, 0)
	return err
}

func (d *directory) acquire(wait bool) (err error) {
	if d.lock, err = filelock.Open(filepath.Join(d.path, lockName), wait); err != nil {
		return fmt.Errorf("lock %s: %w: another node uses it", d.path, err)
	}
	_ = os.Remove(filepath.Join(d.path, socketName)) // of a killed node; mostly there is none
	return os.MkdirAll(filepath.Join(d.path, logsName), 0o700)
}

// remove removes what the node has made.
func (d *directory) remove() error {
	if d.lock == nil {
		return nil
	}
	var err error
	if d.made {
		err = os.RemoveAll(d.path)
	} else {
		for _, name := range []string{socketName, logsName, programsName, jobsName, lockName} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.path, name)))
		}
	}
	return errors.Join(err, d.lock.Close())
}

// removeLeftovers removes the directories of nodes that do not live. Those of other users are left alone: they cannot be opened.
func removeLeftovers(base string) {
	found, err := filepath.Glob(filepath.Join(base, dirPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || !isMine(info) {
			continue
		}
		name := filepath.Join(path, lockName)
		if _, err := os.Lstat(name); err != nil {
			if time.Since(info.ModTime()) > orphanAge {
				_ = os.RemoveAll(path) // what stays is tried again next time
			}
			continue
		}
		if lock, err := filelock.Open(name, false); err == nil {
			_ = os.RemoveAll(path)
			_ = lock.Close()
		}
	}
}
