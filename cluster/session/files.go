package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/filelock"
	"mobula/internal/filepack"
	"mobula/objstore"
)

// The working files of a job: a folder of the driver, which workers get a copy of as their working directory.

// envFiles tells a worker which working files it has.
const envFiles = "MOBULA_FILES"

// jobFiles is the value of envFiles.
type jobFiles struct {
	Digest string
	Place  wire.Place
	Head   []byte // the archive itself, where it is small
}

// sendFiles puts the files of a folder, and returns the variable for workers.
func (s *Session) sendFiles(ctx context.Context, dir string) (variable string, err error) {
	var packed bytes.Buffer
	if _, err := filepack.Pack(&packed, dir, nil, filepack.Limit); err != nil {
		return "", fmt.Errorf("pack the working files: %w", err)
	}
	archive := packed.Bytes()
	sum := sha256.Sum256(archive)
	f := jobFiles{Digest: hex.EncodeToString(sum[:16])}
	value, err := s.stow(ctx, codec.Encoded{Head: archive}, objstore.Owner{Type: "working files"}, InlineMax)
	if err != nil {
		return "", fmt.Errorf("store the working files: %w", err)
	}
	f.Place, f.Head = value.Place, value.Head
	text, err := json.Marshal(f)
	return envFiles + "=" + string(text), err
}

// enterFiles makes the working files of the worker's job, if it has any, its working directory. They are below base, once
// for all workers of the node.
func (s *Session) enterFiles(base string) error {
	text := os.Getenv(envFiles)
	if text == "" {
		return nil
	}
	var f jobFiles
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return fmt.Errorf("%s: %w", envFiles, err)
	}
	dir := filepath.Join(base, "files", f.Digest)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := filelock.Open(dir+".lock", true)
	if err != nil {
		return err
	}
	defer lock.Close()                                            // gives the lock up
	if info, err := lock.Stat(); err != nil || info.Size() == 0 { // nobody has unpacked them
		e, err := s.fetch(wire.Payload{Head: f.Head, Place: f.Place})
		if err != nil {
			return fmt.Errorf("read the working files: %w", err)
		}
		if err := unpackAnew(dir, e.Head); err != nil {
			return fmt.Errorf("unpack the working files: %w", err)
		}
		if _, err := lock.WriteString("unpacked\n"); err != nil {
			return err
		}
	}
	return os.Chdir(dir)
}

// unpackAnew unpacks into a folder in which another worker may have begun to.
func unpackAnew(dir string, archive []byte) error {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	return filepack.Unpack(dir, bytes.NewReader(archive), int64(len(archive)))
}
