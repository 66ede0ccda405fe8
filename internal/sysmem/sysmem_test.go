package sysmem

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/fstest"
)

func machine(files map[string]string) Source {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n")}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Source{root}
}

func TestLeft(t *testing.T) {
	const k = 1024
	tests := []struct {
		name  string
		files map[string]string
		want  Memory
	}{
		{"no groups", nil, Memory{1000 * k, 400 * k}},
		{"no limit", map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/memory.current": "1\n"}, Memory{1000 * k, 400 * k}},
		{"a limit, cache apart", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "512000\n", "sys/fs/cgroup/a/b/memory.current": "412000\n",
			"sys/fs/cgroup/a/b/memory.stat": "anon 1\ninactive_file 100000\n",
		}, Memory{512000, 200000}},
		{"the parent's limit", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "300000\n", "sys/fs/cgroup/a/memory.current": "290000\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "1\n",
		}, Memory{300000, 10000}},
		{"the path of another name space", map[string]string{
			"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "300000\n", "sys/fs/cgroup/memory.current": "290000\n",
		}, Memory{300000, 10000}},
		{"version 1", map[string]string{
			"proc/self/cgroup": "9:cpu:/\n4:memory:/j\n0::/\n", "sys/fs/cgroup/memory/j/memory.limit_in_bytes": "200000\n",
			"sys/fs/cgroup/memory/j/memory.usage_in_bytes": "150000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
		}, Memory{200000, 50000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := machine(tt.files).Left(); err != nil || got != tt.want {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
	if _, err := (Source{fstest.MapFS{}}).Left(); !errors.Is(err, ErrUnknown) {
		t.Errorf("without files: %v", err)
	}
}

func TestThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the files are Linux's")
	}
	left, err := System.Left()
	if err != nil || left.Available <= 0 || left.Available > left.Total {
		t.Errorf("%+v, %v", left, err)
	}
	if n, err := System.Resident(os.Getpid()); err != nil || n < 100<<10 || n > left.Total {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := System.Resident(-1); err == nil {
		t.Error("no process has the number -1")
	}
}
