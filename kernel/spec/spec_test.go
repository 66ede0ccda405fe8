package spec

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallAndUninstall(t *testing.T) {
	data, err := PrefixDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Install(data, "relative/mobula"); err == nil {
		t.Error("a relative path of the binary was taken")
	}
	if _, err := Uninstall(data); err == nil {
		t.Error("uninstalling what is not there succeeded")
	}
	for range 2 { // the second replaces the first
		dir, err := Install(data, "/opt/mobula")
		if err != nil {
			t.Fatal(err)
		}
		check(t, dir)
	}
	entries, err := os.ReadDir(filepath.Join(data, "kernels"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the kernels folder has %v, %v; want mobula alone", entries, err)
	}
	dir, err := Uninstall(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func check(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Argv          []string
		DisplayName   string `json:"display_name"`
		Language      string
		InterruptMode string `json:"interrupt_mode"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Argv) != 4 || got.Argv[0] != "/opt/mobula" || got.Argv[3] != "{connection_file}" ||
		got.DisplayName != "Go (Mobula)" || got.Language != "go" || got.InterruptMode != "message" {
		t.Errorf("kernel.json is %s", text)
	}
	for name, size := range map[string]int{"logo-32x32.png": 32, "logo-64x64.png": 64} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil || picture.Width != size || picture.Height != size {
			t.Errorf("%s: %+v, %v", name, picture, err)
		}
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "logo-svg.svg")); err != nil || !bytes.Contains(svg, []byte("<svg")) {
		t.Errorf("logo-svg.svg: %v", err)
	}
}

// TestOfPrefix: the kernelspec of a package names the binary of whatever prefix it comes to lie in.
func TestOfPrefix(t *testing.T) {
	prefix := t.TempDir()
	data, err := PrefixDir(prefix)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := Install(data, OfPrefix)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Argv []string }
	if text, err := os.ReadFile(filepath.Join(dir, "kernel.json")); err != nil || json.Unmarshal(text, &got) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	if path := filepath.Clean(strings.ReplaceAll(got.Argv[0], "{resource_dir}", dir)); path != filepath.Join(prefix, "bin", "mobula") {
		t.Error(path)
	}
}

func TestPlaces(t *testing.T) {
	t.Setenv("JUPYTER_DATA_DIR", "/data")
	if dir, err := UserDir(); err != nil || dir != "/data" {
		t.Errorf("UserDir with JUPYTER_DATA_DIR: %s, %v", dir, err)
	}
	t.Setenv("JUPYTER_DATA_DIR", "")
	t.Setenv("XDG_DATA_HOME", "/xdg")
	t.Setenv("VIRTUAL_ENV", "/venv")
	if prefix, how, err := SysPrefix(t.Context()); err != nil || prefix != "/venv" || how != "$VIRTUAL_ENV" {
		t.Errorf("SysPrefix: %s by %s, %v", prefix, how, err)
	}
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("CONDA_PREFIX", "")
	t.Setenv("PATH", t.TempDir())
	if prefix, _, err := SysPrefix(t.Context()); err == nil {
		t.Errorf("SysPrefix without python: %s", prefix)
	}
	if dir, err := PrefixDir("/usr/local"); err != nil || dir != "/usr/local/share/jupyter" {
		t.Errorf("PrefixDir: %s, %v", dir, err)
	}
}
