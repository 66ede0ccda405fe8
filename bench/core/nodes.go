package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// nodeProcesses are nodes of a cluster on this machine, started as users do it.
type nodeProcesses struct {
	socket string // of the first
	cmds   []*exec.Cmd
}

const (
	firstNode  = "first"
	secondNode = "second"
)

// startNodes starts a head with a node, and a second node; the head's files are in dir. Apart, they have different directories for what runs.
func startNodes(program, dir string, apart bool) (n *nodeProcesses, err error) {
	n = &nodeProcesses{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	text, err := n.start(program, nil, "End it with", "--head", "--host", "127.0.0.1", "--port", "0", "--dir", dir, "--node-name", firstNode)
	if err != nil {
		return n, err
	}
	address, socket, err := parseNotice(text)
	if err != nil {
		return n, err
	}
	n.socket = socket
	var env []string
	if apart {
		env = []string{"XDG_RUNTIME_DIR=" + filepath.Join(dir, "apart")}
	}
	_, err = n.start(program, env, "Leave it with", "--address", address, "--token", filepath.Join(dir, "join-token"), "--host", "127.0.0.1", "--node-name", secondNode)
	return n, err
}

// start runs  mobula start  with args and more of an environment, and returns what it says up to the line that begins with last.
func (n *nodeProcesses) start(program string, env []string, last string, args ...string) (string, error) {
	cmd := exec.Command(program, append([]string{"start", "--object-store", strconv.Itoa(storeBytes)}, args...)...)
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start a node: %w", err)
	}
	n.cmds = append(n.cmds, cmd)
	var text strings.Builder
	for scan := bufio.NewScanner(out); scan.Scan(); {
		text.WriteString(scan.Text() + "\n")
		if strings.HasPrefix(scan.Text(), last) {
			return text.String(), nil
		}
	}
	return "", fmt.Errorf("start a node: it has ended, and said %q", text.String())
}

// parseNotice takes the head's address and the node's socket from what  mobula start --head  says.
func parseNotice(text string) (address, socket string, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "The cluster's head runs at "); ok {
			address, _, _ = strings.Cut(rest, ",")
		}
		if _, path, ok := strings.Cut(line, "MOBULA_ADDRESS="); ok {
			socket = path
		}
	}
	if address == "" || socket == "" {
		return "", "", fmt.Errorf("mobula start names no address and socket: %q", text)
	}
	return address, socket, nil
}

// close ends the nodes, the head's last.
func (n *nodeProcesses) close() (err error) {
	for len(n.cmds) > 0 {
		cmd := n.cmds[len(n.cmds)-1]
		n.cmds = n.cmds[:len(n.cmds)-1]
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		killer := time.AfterFunc(endPatience/2, func() { _ = cmd.Process.Kill() })
		if wait := cmd.Wait(); wait != nil {
			err = errors.Join(err, fmt.Errorf("end a node: %w", wait))
		}
		killer.Stop()
	}
	return err
}
