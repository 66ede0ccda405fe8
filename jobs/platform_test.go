//go:build linux

package jobs

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestPlatformOf: what files of other machines, and others, are taken for.
func TestPlatformOf(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := platformOf(self), runtime.GOOS+"/"+runtime.GOARCH; got != want {
		t.Errorf("this program is of %q, want %q", got, want)
	}
	little := binary.LittleEndian
	mac := make([]byte, 32)
	little.PutUint32(mac, 0xfeedfacf)
	little.PutUint32(mac[4:], 0x0100000c) // arm64
	little.PutUint32(mac[12:], 2)         // executable
	windows := make([]byte, 256)
	copy(windows, "MZ")
	little.PutUint32(windows[0x3c:], 64)
	copy(windows[64:], "PE\x00\x00")
	little.PutUint16(windows[68:], 0x8664)
	for want, content := range map[string]string{
		"linux/arm64": elfHeader(elf.EM_AARCH64, elf.ELFOSABI_NONE), "freebsd/amd64": elfHeader(elf.EM_X86_64, elf.ELFOSABI_FREEBSD), "darwin/arm64": string(mac),
		"windows/amd64": string(windows), "": "#!/bin/sh\n",
	} {
		if got := platformOf(filepath.Join(folder(t, map[string]string{"x": content}), "x")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, content := range []string{"", "x", "MZ", elf.ELFMAG, elfHeader(elf.EM_68K, elf.ELFOSABI_NONE)} {
		if got := platformOf(filepath.Join(folder(t, map[string]string{"x": content}), "x")); got != "" {
			t.Errorf("%q is taken for %q", content, got)
		}
	}
	if platformOf(filepath.Join(t.TempDir(), "none")) != "" {
		t.Error("a file that is not there is of a platform")
	}
}

// elfHeader is a program of nothing but its header.
func elfHeader(machine elf.Machine, system elf.OSABI) string {
	header := make([]byte, 64)
	copy(header, elf.ELFMAG)
	header[elf.EI_CLASS], header[elf.EI_DATA], header[elf.EI_VERSION], header[elf.EI_OSABI] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT), byte(system)
	binary.LittleEndian.PutUint16(header[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(header[18:], uint16(machine))
	binary.LittleEndian.PutUint32(header[20:], uint32(elf.EV_CURRENT))
	binary.LittleEndian.PutUint16(header[52:], 64)
	return string(header)
}

func TestJudgePlatform(t *testing.T) {
	for _, tt := range []struct {
		of, nodes string
		want      string // "" where it may run
	}{
		{"linux/amd64", "linux/amd64", ""},
		{"linux/amd64", "linux/arm64 linux/amd64", ""},
		{"linux/386", "linux/amd64", ""},
		{"linux/amd64", "", ""},
		{"darwin/arm64", "linux/amd64 linux/amd64", "x is a program for darwin/arm64, and the nodes of the cluster are linux/amd64: build it for them, as by  GOOS=linux GOARCH=amd64"},
		{"linux/amd64", "linux/386", "GOARCH=386"},
	} {
		err := judgePlatform("x", tt.of, strings.Fields(tt.nodes))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s on %s: %v", tt.of, tt.nodes, err)
		}
	}
}

// TestProgramOfAnotherMachine is refused before it is sent, whether it is a file of its own or one of a folder.
func TestProgramOfAnotherMachine(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	other := elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		other = elf.EM_X86_64
	}
	dir := folder(t, map[string]string{"bin/train": elfHeader(other, elf.ELFOSABI_NONE)})
	for _, s := range []Spec{
		{Entrypoint: []string{"./train"}, Files: []string{filepath.Join(dir, "bin", "train")}},
		{Entrypoint: []string{"bin/train", "-x"}, WorkingDir: dir},
	} {
		s.OnNotice = func(text string) { t.Error(text) }
		if _, err := c.Submit(c.context(), s); err == nil || !strings.Contains(err.Error(), "and the nodes of the cluster are "+runtime.GOOS+"/"+runtime.GOARCH) {
			t.Error(err)
		}
	}
}
