package head

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/filestore"
)

// What a backup holds: a tar file of the certificate authority with its key, where there is one, and a snapshot of the state.
const backupState = "state.snapshot"

// mostBackup bounds what is read of a file that should be a backup.
const mostBackup = 4 << 30

// makeBackup keeps a backup for a while, as one of the files that can be read.
func (h *Head) makeBackup(context.Context, *session, headwire.None) (filestore.Ref, error) {
	var text bytes.Buffer
	if err := h.writeBackup(&text); err != nil {
		return filestore.Ref{}, err
	}
	store, err := h.files.open()
	if err != nil {
		return filestore.Ref{}, err
	}
	ref := filestore.RefOf(text.Bytes())
	return ref, store.Put(ref, text.Bytes())
}

func (h *Head) writeBackup(w io.Writer) error {
	var snapshot bytes.Buffer
	if err := h.View().Encode(&snapshot); err != nil {
		return err
	}
	out := tar.NewWriter(w)
	add := func(name string, data []byte) error {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := out.Write(data)
		return err
	}
	if h.ca != nil {
		text, err := h.ca.text()
		if err == nil {
			err = add(authorityFile, text)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(add(backupState, snapshot.Bytes()), out.Close())
}

// readBackup reads what writeBackup wrote.
func readBackup(name string) (authority, snapshot []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	in := tar.NewReader(io.LimitReader(f, mostBackup))
	for {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s is no backup: %w", name, err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, nil, fmt.Errorf("read the backup %s: %w", name, err)
		}
		switch entry.Name {
		case authorityFile:
			authority = data
		case backupState:
			snapshot = data
		}
	}
	if snapshot == nil {
		return nil, nil, fmt.Errorf("%s is no backup: it has no %s", name, backupState)
	}
	return authority, snapshot, nil
}

// unpackBackup puts the authority of a backup into the directory, which must be new. The state follows when this head leads: restore.
func (h *Head) unpackBackup() error {
	if h.conf.Restore == "" {
		return nil
	}
	if h.conf.Dir == "" {
		return errors.New("restore a backup: a head that does needs a directory")
	}
	authority, snapshot, err := readBackup(h.conf.Restore)
	if err == nil {
		err = state.New().Restore(bytes.NewReader(snapshot)) // before the directory is anything
	}
	if err != nil {
		return fmt.Errorf("restore a backup: %w", err)
	}
	for _, name := range []string{authorityFile, "raft"} {
		if _, err := os.Stat(filepath.Join(h.conf.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore a backup: %s is that of a head: give a new directory, so that nothing is lost", h.conf.Dir)
		}
	}
	h.backup = snapshot
	if authority == nil {
		return nil
	}
	if _, err := parseAuthority(authority); err != nil {
		return fmt.Errorf("restore a backup: its certificate authority: %w", err)
	}
	return writeSecret(filepath.Join(h.conf.Dir, authorityFile), authority)
}

// restore takes the state of the backup. It does so once: the next time there is a state.
func (h *Head) restore() error {
	if h.backup == nil {
		return nil
	}
	if err := h.log.Restore(h.backup); err != nil {
		return fmt.Errorf("restore a backup: %w", h.asLeader(err))
	}
	h.backup = nil
	h.logger.Info("a backup is restored", "file", h.conf.Restore, "index", h.View().Index())
	return nil
}
