package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mobula/interp/toolchain"
)

// module is the module of a program while it is made.
type module struct {
	dir, name, from string
	tc              toolchain.Toolchain
	sdk             toolchain.SDK
}

// env is the environment of the go command: what is listed is built as a static program is, wherever it lies, so that it is not built twice.
func (m *module) env() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod -trimpath")
}

func (m *module) run(ctx context.Context, args ...string) (string, error) {
	out, err := toolchain.Command(ctx, m.dir, m.env(), m.tc.GoCmd, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// begin writes a go.mod that has all that the notebook may import.
func (m *module) begin(ctx context.Context, gets []string) error {
	text, sum := "module "+m.name+"\n\ngo 1.26\n", ""
	own, ownSum, err := m.notebookModule(ctx)
	if err != nil {
		return err
	}
	if own != "" {
		text, sum = own, ownSum
	}
	sdkSum, err := os.ReadFile(filepath.Join(m.sdk.Dir, "go.sum"))
	if err != nil {
		return err
	}
	for name, data := range map[string]string{"go.mod": text, "go.sum": sum + string(sdkSum)} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	if _, err := m.run(ctx, "mod", "edit", "-module="+m.name, "-require=mobula@v0.0.0", "-replace=mobula="+m.sdk.Dir); err != nil {
		return err
	}
	if len(gets) > 0 {
		_, err = m.run(ctx, append([]string{"get"}, gets...)...)
	}
	return err
}

// notebookModule is the go.mod and go.sum of the module that the notebook is in, with the folders that it replaces others by made absolute.
func (m *module) notebookModule(ctx context.Context) (text, sum string, err error) {
	if m.from == "" {
		return "", "", nil
	}
	gomod, _, err := toolchain.GoMod(ctx, m.tc, m.from)
	if err != nil || gomod == "" {
		return "", "", err
	}
	data, err := os.ReadFile(gomod)
	if err != nil {
		return "", "", err
	}
	if strings.HasPrefix(string(data), "module mobula\n") {
		return "", "", nil // Mobula's own source
	}
	sums, err := os.ReadFile(strings.TrimSuffix(gomod, ".mod") + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if before, path, ok := strings.Cut(line, "=> ."); ok {
			line = before + "=> " + filepath.Join(filepath.Dir(gomod), "."+strings.TrimSpace(path)) + "\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ""), string(sums), nil
}

// thirdParty is the folder for the SDK, and the modules that it needs. It is not called vendor: go mod vendor, for a module that somebody adds
// later, would remove it.
const thirdParty = "third_party"

// finish writes main.go, and puts what it needs of the SDK beside it. The module then needs nothing of this machine.
func (m *module) finish(ctx context.Context, text string) error {
	if err := os.WriteFile(filepath.Join(m.dir, "main.go"), []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := m.run(ctx, "mod", "tidy"); err != nil {
		return err
	}
	if _, err := m.run(ctx, "mod", "vendor"); err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(m.dir, "vendor", "modules.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing but the standard library: go mod tidy has taken the SDK out
	}
	if err != nil {
		return err
	}
	for _, v := range vendored(string(list)) {
		if v.module == "mobula" || m.ofSDK(v.module) {
			if err := m.keep(ctx, v); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(filepath.Join(m.dir, "vendor")); err != nil {
		return err
	}
	_, err = m.run(ctx, "mod", "tidy")
	return err
}

// ofSDK reports whether the SDK needs a module.
func (m *module) ofSDK(path string) bool {
	text, err := os.ReadFile(filepath.Join(m.sdk.Dir, "go.mod"))
	return err == nil && strings.Contains(string(text), "require "+path+" ")
}

// vendoredModule is a module in the folder vendor.
type vendoredModule struct {
	module, version string
	packages        []string
}

// vendored reads vendor/modules.txt.
func vendored(text string) (list []vendoredModule) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "#" && strings.HasPrefix(words[2], "v"):
			list = append(list, vendoredModule{module: words[1], version: words[2]})
		case len(words) == 1 && len(list) > 0 && words[0][0] != '#':
			list[len(list)-1].packages = append(list[len(list)-1].packages, words[0])
		}
	}
	return list
}

// keep moves a module from the folder vendor to third_party: the packages that the program needs.
func (m *module) keep(ctx context.Context, v vendoredModule) error {
	for _, pkg := range v.packages {
		from := filepath.Join(m.dir, "vendor", filepath.FromSlash(pkg))
		to := filepath.Join(m.dir, thirdParty, filepath.FromSlash(pkg))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		entries, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || pkg == "mobula" && e.Name() == "source.go" { // which carries the source: a program has no use for it
				continue
			}
			if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
				return err
			}
		}
	}
	gomod := filepath.Join(m.sdk.Dir, "go.mod")
	if v.module != "mobula" {
		out, err := m.run(ctx, "list", "-m", "-f", "{{.GoMod}}", v.module)
		if err != nil {
			return err
		}
		gomod = strings.TrimSpace(out)
	}
	text, err := os.ReadFile(gomod)
	if err != nil {
		return err
	}
	root := thirdParty + "/" + v.module
	if err := os.WriteFile(filepath.Join(m.dir, filepath.FromSlash(root), "go.mod"), text, 0o644); err != nil {
		return err
	}
	_, err = m.run(ctx, "mod", "edit", "-replace="+v.module+"=./"+root)
	return err
}
