//go:build unix

package node

import (
	"io/fs"
	"os"
	"syscall"
)

// isMine reports whether a file belongs to this user.
func isMine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
