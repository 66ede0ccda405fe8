package session

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mobula/cluster/wire"
	"mobula/internal/bytesize"
	"mobula/internal/codec"
	"mobula/internal/filelock"
	"mobula/objstore"
)

// The working files of a job: a folder of the driver, which workers get a copy of as their working directory.

// maxFiles bounds the working files in bytes; as Ray's working_dir.
const maxFiles = 512 << 20

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
	archive, err := pack(dir)
	if err != nil {
		return "", fmt.Errorf("pack the working files: %w", err)
	}
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

// pack makes an archive of a folder that is equal for equal files.
func pack(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case path == "." || !d.IsDir() && !d.Type().IsRegular():
			return nil // links may lead anywhere
		}
		if err := packOne(w, root, path, d); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if out.Len() > maxFiles {
			return fmt.Errorf("%s holds more than %s: put large data where the tasks can read it, or pass it as an object", dir, bytesize.Format(maxFiles))
		}
		return nil
	})
	return out.Bytes(), errors.Join(err, w.Close())
}

func packOne(w *tar.Writer, root *os.Root, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: path, Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeReg, Size: info.Size()}
	if d.IsDir() {
		h.Typeflag, h.Size = tar.TypeDir, 0
	}
	if err := w.WriteHeader(h); err != nil || d.IsDir() {
		return err
	}
	f, err := root.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
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
		if err := unpack(dir, e.Head); err != nil {
			return fmt.Errorf("unpack the working files: %w", err)
		}
		if _, err := lock.WriteString("unpacked\n"); err != nil {
			return err
		}
	}
	return os.Chdir(dir)
}

func unpack(dir string, archive []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			err = root.MkdirAll(filepath.FromSlash(h.Name), 0o700)
		} else {
			err = unpackOne(root, h, r)
		}
		if err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, r io.Reader) error {
	f, err := root.OpenFile(filepath.FromSlash(h.Name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fs.FileMode(h.Mode)&0o777)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
