package jobs

import (
	"context"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
)

// platformTime bounds how long nodes have to say what they are; who does not answer is not waited for.
const platformTime = 5 * time.Second

// checkPlatform refuses a program that no node can run.
func (c *Client) checkPlatform(ctx context.Context, s *Spec) error {
	file := s.sentProgram()
	if file == "" {
		return nil
	}
	of := platformOf(file)
	if of == "" {
		return nil
	}
	answers, err := headclient.AskWithin(ctx, platformTime, c.caller, headwire.AskNodes, headwire.Query{What: "node"})
	if err != nil {
		return nil //nolint:nilerr // the submission, which follows, says what is wrong
	}
	var nodes []string
	for _, a := range answers {
		var node struct{ Platform string }
		if a.Error != "" || json.Unmarshal(a.Data, &node) != nil || node.Platform == "" {
			return nil // nobody knows
		}
		nodes = append(nodes, node.Platform)
	}
	return judgePlatform(file, of, nodes)
}

// judgePlatform fails where a program of a platform runs on none of the nodes.
func judgePlatform(file, of string, nodes []string) error {
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	if len(nodes) == 0 || slices.ContainsFunc(nodes, func(node string) bool { return runsOn(of, node) }) {
		return nil
	}
	system, machine, _ := strings.Cut(nodes[0], "/")
	return fmt.Errorf("%s is a program for %s, and the nodes of the cluster are %s: build it for them, as by  GOOS=%s GOARCH=%s", file, of, strings.Join(nodes, " and "), system, machine)
}

// runsOn reports whether a program of a platform may run on a node of another one.
func runsOn(of, node string) bool {
	older := map[string]string{"linux/amd64": "linux/386", "linux/arm64": "linux/arm"}
	return of == node || of == older[node]
}

// sentProgram is the local file of the entrypoint's program, "" where it is not sent along.
func (s *Spec) sentProgram() string {
	name := filepath.FromSlash(s.Entrypoint[0])
	if !strings.ContainsRune(s.Entrypoint[0], '/') || !filepath.IsLocal(name) {
		return ""
	}
	for _, file := range s.Files {
		if filepath.Base(file) == filepath.Clean(name) {
			return file
		}
	}
	if s.WorkingDir == "" {
		return ""
	}
	return filepath.Join(s.WorkingDir, name)
}

// platformOf is the platform of a program as its file tells it, as linux/amd64; "" for scripts, and what is not known.
func platformOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return "" // what sends it says so
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		return ""
	}
	switch {
	case string(magic) == elf.ELFMAG:
		if program, err := elf.NewFile(f); err == nil {
			return elfPlatform(&program.FileHeader)
		}
	case string(magic[:2]) == "MZ":
		if program, err := pe.NewFile(f); err == nil {
			return platform("windows", map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64", pe.IMAGE_FILE_MACHINE_I386: "386"}[program.Machine])
		}
	default:
		if program, err := macho.NewFile(f); err == nil {
			return platform("darwin", map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[program.Cpu])
		}
	}
	return ""
}

func platform(system, machine string) string {
	if machine == "" {
		return ""
	}
	return system + "/" + machine
}

func elfPlatform(h *elf.FileHeader) string {
	system := map[elf.OSABI]string{elf.ELFOSABI_NONE: "linux", elf.ELFOSABI_LINUX: "linux", elf.ELFOSABI_FREEBSD: "freebsd"}[h.OSABI]
	if system == "" {
		return ""
	}
	machine := map[elf.Machine]string{
		elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64",
		elf.EM_PPC64: "ppc64",
	}[h.Machine]
	if machine == "ppc64" && h.Data == elf.ELFDATA2LSB {
		machine = "ppc64le"
	}
	return platform(system, machine)
}
