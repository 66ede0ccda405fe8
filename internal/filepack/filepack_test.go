package filepack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mobula/internal/golden"
)

// folder makes files: names that end with / are folders, contents that begin with -> are links, and with #! scripts.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		target, link := strings.CutPrefix(content, "->")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(target, path)
		case strings.HasPrefix(content, "#!"):
			err = os.WriteFile(path, []byte(content), 0o700)
		default:
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pack(t testing.TB, dir string) ([]byte, Report) {
	t.Helper()
	var out bytes.Buffer
	report, err := Pack(&out, dir, nil, Limit)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), report
}

// listing shows an archive.
func listing(t testing.TB, archive []byte) string {
	t.Helper()
	var text strings.Builder
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%c %o %s", h.Typeflag, h.Mode, h.Name)
		if h.Linkname != "" {
			text.WriteString(" -> " + h.Linkname)
		}
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s has a time or an owner", h.Name)
		}
		text.WriteString("\n")
	}
}

var project = map[string]string{
	"main.go": "package main", "run.sh": "#!/bin/sh", "data/a.csv": "1,2", "data/b.csv": "3,4", "empty/": "", ".git/config": "x", "data/.git/x": "x",
	"latest": "->data/b.csv", "data/up": "->../main.go", "out": "->/etc/passwd", "far": "->../../x", ".gitignore": "*.log\n/build/\ndata/a.csv\nmodel.bin\n",
	".mobulaignore": "!model.bin\nsecret*\n", "x.log": "", "build/x": "", "sub/build/y": "", "model.bin": "m", "secret.txt": "s", "sub/.gitignore": "!keep.log\n*.tmp\n",
	"sub/keep.log": "k", "sub/a.tmp": "", "grüße-" + strings.Repeat("long", 30) + ".txt": "g",
}

func TestPack(t *testing.T) {
	dir := folder(t, project)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive, report := pack(t, dir)
	slices.Sort(report.LeftOut)
	sum := sha256.Sum256(archive)
	text := fmt.Sprintf("%s\n%s%d files of %d bytes\nleft out: %s\n", hex.EncodeToString(sum[:]), listing(t, archive), report.Files, report.Size, strings.Join(report.LeftOut, "; "))
	golden.Compare(t, "testdata/pack.txt", text)

	for name := range project { // times and modes of another machine
		path := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			if err := os.Chmod(path, info.Mode().Perm()|0o066); err != nil {
				t.Fatal(err)
			}
		}
	}
	if again, _ := pack(t, dir); !bytes.Equal(again, archive) {
		t.Error("packed again it differs")
	}
	into := t.TempDir()
	if err := Unpack(into, bytes.NewReader(archive), Limit); err != nil {
		t.Fatal(err)
	}
	if back, _ := pack(t, into); !bytes.Equal(back, archive) {
		t.Errorf("unpacked and packed again it is\n%s", listing(t, back))
	}
	if text, err := os.ReadFile(filepath.Join(into, "latest")); err != nil || string(text) != "3,4" {
		t.Error(string(text), err)
	}
}

// TestPackFiles: files beside those of the folder, in their place among them.
func TestPackFiles(t *testing.T) {
	dir := folder(t, map[string]string{"bin/job-linux": "#!/bin/sh", "z.ipynb": "z"})
	files := []string{filepath.Join(dir, "bin/job-linux"), filepath.Join(dir, "z.ipynb")}
	var out bytes.Buffer
	report, err := Pack(&out, "", files, Limit)
	if err != nil || report.Files != 2 || report.Size != 10 || listing(t, out.Bytes()) != "0 755 job-linux\n0 644 z.ipynb\n" {
		t.Errorf("%+v, %v: %s", report, err, listing(t, out.Bytes()))
	}
	into := folder(t, map[string]string{"a": "", "job/x": "", "job-linux": "old one", "job.txt": "", "z": ""})
	out.Reset()
	report, err = Pack(&out, into, files, Limit)
	want := "0 644 a\n5 755 job/\n0 644 job/x\n0 755 job-linux\n0 644 job.txt\n0 644 z\n0 644 z.ipynb\n"
	if err != nil || report.Files != 6 || report.Size != 10 || listing(t, out.Bytes()) != want {
		t.Errorf("%+v, %v: %s", report, err, listing(t, out.Bytes()))
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := Pack(io.Discard, "", []string{bad}, Limit); err == nil {
			t.Errorf("%s is packed", bad)
		}
	}
	clash := folder(t, map[string]string{"job": "file"})
	if _, err := Pack(io.Discard, into, []string{filepath.Join(clash, "job")}, Limit); err == nil || !strings.Contains(err.Error(), "of that name") {
		t.Error(err)
	}
}

func TestTooLarge(t *testing.T) {
	files := map[string]string{}
	for i := range 9 {
		files[fmt.Sprintf("d/file%d", i)] = strings.Repeat("x", 1000*i)
	}
	dir := folder(t, files)
	_, err := Pack(io.Discard, dir, nil, 20_000)
	e, ok := errors.AsType[*TooLarge](err)
	if !ok || len(e.Largest) != 5 || e.Largest[0] != (Sized{"d/file8", 8000}) {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/too-large.txt", strings.ReplaceAll(e.Error(), dir, "DIR")+"\n")
}

// growing is a file that is written to while it is packed.
func TestChangedFile(t *testing.T) {
	dir := folder(t, map[string]string{"log": "12345"})
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, size := range []int64{3, 9} {
		e := entry{name: "log", mode: 0o644, size: size}
		if err := e.write(tar.NewWriter(io.Discard), root); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("of %d bytes: %v", size, err)
		}
	}
}

// TestIgnoreAsGit asks git about rules and names.
func TestIgnoreAsGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for _, rules := range []string{
		"*.o", "/a", "a/", "a/b", "a/**", "**/b", "a/**/c", "**", "*\n!*.go", "a/*\n!a/b", "!a\na", "a\n!a", "[abc].go", "[!a]*.o", "?.go", `\#x`, `\!x`, "x\\ ", "x   ",
		"#x\n\n  \n", "a/**/", "**/", "b/c/", "*/b", "a**b", "[", "a[", `a\`, "a/b/\n!a/b/c", "/*\n!/a", ".go", "*.*", "c/**/b/**/a", "/", "//a", "b/*", "a b", "**/b/c",
	} {
		dir := folder(t, map[string]string{".gitignore": rules})
		git := func(in string, args ...string) string {
			cmd := exec.Command("git", args...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
			cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "XDG_CONFIG_HOME="+dir)
			out, _ := cmd.Output() // 1: nothing is ignored
			return string(out)
		}
		git("", "init", "-q")
		var names []string
		for _, name := range []string{
			"a", "b", "c.go", "a.go", "a.o", "b.o", "d/a", "d/b", "d/e/a.o", "d/e/b", "d/e/c", "#x", "!x", "x", "x ", "a b", "ab", "axb", "f/b/c", "f/b/x", "c/b/a", "c/x/b/y/a", "[", "e.c.d",
		} {
			names = append(names, name)
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		ignored := strings.Split(strings.TrimSuffix(git(strings.Join(names, "\x00")+"\x00", "check-ignore", "-z", "--stdin"), "\x00"), "\x00")
		archive, _ := pack(t, dir)
		packed := listing(t, archive)
		for _, name := range names {
			want := !slices.Contains(ignored, name)
			if got := strings.Contains(packed, "0 644 "+name+"\n"); got != want {
				t.Errorf("rules %q: %q is packed: %v; git keeps it: %v", rules, name, got, want)
			}
		}
	}
}

func archiveOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			h.Size = 1
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// hostile are archives that nobody would make but to do harm.
func hostile(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"does not lie":      archiveOf(t, tar.Header{Name: "../x", Typeflag: tar.TypeReg}),
		"not lie in":        archiveOf(t, tar.Header{Name: "/x", Typeflag: tar.TypeReg}),
		"leads out":         archiveOf(t, tar.Header{Name: "l", Linkname: "../..", Typeflag: tar.TypeSymlink}),
		"out of the folder": archiveOf(t, tar.Header{Name: "l", Linkname: "/etc", Typeflag: tar.TypeSymlink}),
		"path escapes": archiveOf(t, tar.Header{Name: "b", Linkname: ".", Typeflag: tar.TypeSymlink}, tar.Header{Name: "a", Linkname: "b/..", Typeflag: tar.TypeSymlink},
			tar.Header{Name: "a/x", Typeflag: tar.TypeReg}),
		"exists":   archiveOf(t, tar.Header{Name: "x", Typeflag: tar.TypeReg}, tar.Header{Name: "x", Typeflag: tar.TypeReg}),
		"neither":  archiveOf(t, tar.Header{Name: "p", Typeflag: tar.TypeFifo}),
		"nor link": archiveOf(t, tar.Header{Name: "x", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}),
		"more than": archiveOf(t, tar.Header{Name: "1", Typeflag: tar.TypeReg}, tar.Header{Name: "2", Typeflag: tar.TypeReg}, tar.Header{Name: "3", Typeflag: tar.TypeReg},
			tar.Header{Name: "4", Typeflag: tar.TypeReg}),
		"damaged": []byte(strings.Repeat("nonsense", 100)),
	}
}

func TestHostileArchives(t *testing.T) {
	for want, archive := range hostile(t) {
		base := t.TempDir()
		dir := filepath.Join(base, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Unpack(dir, bytes.NewReader(archive), 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if all, err := os.ReadDir(base); err != nil || len(all) != 1 {
			t.Errorf("%s: there is %v, %v", want, all, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, archive := range hostile(f) {
		f.Add(archive)
	}
	archive, _ := pack(f, folder(f, project))
	f.Add(archive)
	f.Fuzz(func(t *testing.T, archive []byte) {
		base := t.TempDir()
		dir := filepath.Join(base, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		err := Unpack(dir, bytes.NewReader(archive), 1<<20)
		if all, failed := os.ReadDir(base); failed != nil || len(all) != 1 {
			t.Fatalf("there is %v, %v", all, failed)
		}
		if err != nil {
			return
		}
		// What was unpacked is packed, and unpacked again, to the same.
		var first, second bytes.Buffer
		if _, err := Pack(&first, dir, nil, 1<<20); err != nil {
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENAMETOOLONG) {
				return
			}
			t.Fatal(err)
		}
		again := filepath.Join(base, "again")
		if err := errors.Join(os.Mkdir(again, 0o755), Unpack(again, bytes.NewReader(first.Bytes()), 1<<20)); err != nil {
			t.Fatal(err)
		}
		if _, err := Pack(&second, again, nil, 1<<20); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%v:\n%s\n%s", err, listing(t, first.Bytes()), listing(t, second.Bytes()))
		}
	})
}

func FuzzIgnore(f *testing.F) {
	f.Add("*.o\n!a/**/b\n", "a/x/b", true)
	f.Add("[!a]/**", "b/c", false)
	f.Fuzz(func(t *testing.T, text, name string, folder bool) {
		list := parseRules(text)
		r := &rules{folder: ".", list: list}
		ignored := r.ignores(name, folder)
		// A rule for the name itself, behind all others, decides.
		if strings.ContainsAny(name, "\n\r\\[]*?!# /") || name == "" {
			return
		}
		for line, want := range map[string]bool{name: true, "!" + name: false} {
			r.list = append(slices.Clone(list), parseRules(line)...)
			if r.ignores(name, folder) != want {
				t.Errorf("%q then %q: %q is ignored: %v (before %v)", text, line, name, !want, ignored)
			}
		}
	})
}
