package doctor

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/internal/bytesize"
	"mobula/internal/sysmem"
)

func good(check, format string, args ...any) Finding {
	return Finding{Check: check, Found: fmt.Sprintf(format, args...)}
}

// leastMemory is what a node, a worker and a little work take.
const leastMemory = 256 << 20

func judgeMemory(m sysmem.Memory, err error) Finding {
	const check = "memory"
	switch {
	case err != nil:
		return Finding{check, Warning, fmt.Sprintf("not known: %v", err), "give  --memory  and  --object-store  to what starts nodes"}
	case m.Available < leastMemory:
		return Finding{check, Problem, fmt.Sprintf("%s of %s are left", bytesize.Format(m.Available), bytesize.Format(m.Total)),
			"end what holds it (mobula memory shows what tasks hold), or raise the limit of the container"}
	}
	return good(check, "%s of %s are left", bytesize.Format(m.Available), bytesize.Format(m.Total))
}

func judgeShared(err error) Finding {
	const check = "shared memory"
	if err != nil {
		return Finding{check, Problem, fmt.Sprintf("a shared file in memory cannot be made: %v", err), "allow memfd_create (a seccomp profile of the container may forbid it)"}
	}
	return good(check, "memfd works; /dev/shm is not used, so its size does not matter")
}

// leastFiles is what a node with some hundred workers and connections needs.
const leastFiles = 1024

func judgeFiles(limit uint64, err error) Finding {
	const check = "open files"
	switch {
	case err != nil:
		return Finding{check, Warning, fmt.Sprintf("the limit is not known: %v", err), "see  ulimit -n"}
	case limit < leastFiles:
		return Finding{check, Warning, fmt.Sprintf("a process may have %d", limit), "raise the limit:  ulimit -n 65536"}
	}
	return good(check, "a process may have %d", limit)
}

func judgeDir(path string, info fs.FileInfo, err error) Finding {
	const check = "sockets"
	const longest = 45 // the rest of a socket's name is added to it
	switch {
	case err != nil:
		return Finding{check, Problem, fmt.Sprintf("their directory cannot be used: %v", err), "make it, or set XDG_RUNTIME_DIR to a directory of yours"}
	case !info.IsDir():
		return Finding{check, Problem, path + " is no directory", "set XDG_RUNTIME_DIR to a directory of yours"}
	case len(path) > longest:
		return Finding{check, Problem, fmt.Sprintf("%s is too long for sockets below it", path), "set XDG_RUNTIME_DIR to a shorter one"}
	}
	return good(check, "in directories of this user in %s", path)
}

func judgeGo(version string, err error) Finding {
	const check = "Go toolchain"
	if err != nil {
		return Finding{check, Problem, "cells can be interpreted only, and closures cannot leave", err.Error()}
	}
	return good(check, "%s", version)
}

func judgeToken(path string, info fs.FileInfo, err error) Finding {
	const check = "credentials"
	switch {
	case err != nil:
		return Finding{check, Problem, fmt.Sprintf("the token cannot be read: %v", err), "copy the file that  mobula start --head  names to this machine"}
	case info.Mode().Perm()&0o077 != 0:
		return Finding{check, Warning, fmt.Sprintf("others can read %s", path), "chmod 600 " + path}
	}
	return good(check, "%s is there, and for its owner only", path)
}

func judgePort(address string, err error) Finding {
	const check = "port"
	if err == nil {
		return good(check, "%s answers", address)
	}
	mend := "open it in the firewall, or give nodes another address with  --host"
	if strings.Contains(err.Error(), "refused") {
		mend = "nothing listens there: see whether its node or head runs, and at which address (mobula list nodes)"
	}
	return Finding{check, Problem, fmt.Sprintf("%s cannot be reached from here: %v", address, err), mend}
}

func judgeNode(socket string, err error) Finding {
	const check = "node"
	if err != nil {
		return Finding{check, Problem, fmt.Sprintf("%s does not answer: %v", socket, err), "if its process is gone, connect again; if it hangs, end it with  mobula stop --force"}
	}
	return good(check, "%s answers", socket)
}

func judgeHead(err error) Finding {
	const check = "head"
	if err != nil {
		return Finding{check, Problem, fmt.Sprintf("it does not answer: %v", err), "see whether it runs; started again with the same --dir, it knows everything"}
	}
	return good(check, "it answers")
}

func judgeVersions(mine, its string) Finding {
	const check = "versions"
	major := func(v string) string { m, _, _ := strings.Cut(v, "."); return m }
	switch {
	case mine == "" || its == "":
		return good(check, "not told by both")
	case major(mine) != major(its):
		return Finding{check, Problem, fmt.Sprintf("here %s, the cluster %s", mine, its), fmt.Sprintf("install %s here, or update the cluster", its)}
	case mine != its:
		return Finding{check, Good, fmt.Sprintf("here %s, the cluster %s: they work together", mine, its), ""}
	}
	return good(check, "%s everywhere", mine)
}

// mostSkew is what certificates and leases bear without harm.
const mostSkew = 5 * time.Second

// judgeClock compares the head's time with the times here before and after it was asked.
func judgeClock(its, before, after time.Time) Finding {
	const check = "clock"
	skew := its.Sub(before.Add(after.Sub(before) / 2)).Round(time.Millisecond)
	if skew.Abs() > mostSkew+after.Sub(before) {
		ahead := "ahead of"
		if skew < 0 {
			ahead = "behind"
		}
		return Finding{check, Warning, fmt.Sprintf("the head's is %v %s this machine's", skew.Abs(), ahead), "let both follow a time server (chrony, systemd-timesyncd): certificates and logs depend on it"}
	}
	return good(check, "the head's differs by %v", skew.Abs())
}

func judgeNodes(nodes []headwire.NodeInfo) Finding {
	const check = "nodes"
	var odd []string
	alive := 0
	for _, n := range nodes {
		switch n.State {
		case "alive":
			alive++
		case "suspect", "draining":
			odd = append(odd, fmt.Sprintf("%s is %s (%s)", n.Name, n.State, n.Reason))
		}
	}
	if len(odd) > 0 {
		return Finding{check, Warning, fmt.Sprintf("%d alive; %s", alive, strings.Join(odd, ", ")), "see that machine's load and its  mobula start  log"}
	}
	return good(check, "%d alive", alive)
}

func judgeDemand(waiting []headwire.WaitingDemand) Finding {
	const check = "queue"
	if len(waiting) == 0 {
		return good(check, "nothing waits for resources")
	}
	d := waiting[0]
	return Finding{check, Warning, fmt.Sprintf("%d times %v wait: %s", d.Slots, d.Resources, d.Reason), "wait, or add a node that has them (%cluster scale, mobula start --address)"}
}
