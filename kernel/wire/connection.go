package wire

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
)

// ConnectionInfo is the content of a Jupyter connection file.
type ConnectionInfo struct {
	Transport       string `json:"transport"` // tcp or ipc
	IP              string `json:"ip"`        // with ipc, the prefix of the socket paths
	Key             string `json:"key"`       // "" leaves messages unsigned
	SignatureScheme string `json:"signature_scheme"`
	KernelName      string `json:"kernel_name,omitempty"`
	ShellPort       int    `json:"shell_port"`
	IOPubPort       int    `json:"iopub_port"`
	StdinPort       int    `json:"stdin_port"`
	ControlPort     int    `json:"control_port"`
	HBPort          int    `json:"hb_port"`
}

// ReadConnectionFile reads and checks the connection file at path.
func ReadConnectionFile(path string) (ConnectionInfo, error) {
	var info ConnectionInfo
	text, err := os.ReadFile(path)
	if err != nil {
		return info, fmt.Errorf("read the connection file (Jupyter writes it and passes its path): %w", err)
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return info, fmt.Errorf("connection file %s is not the JSON object that Jupyter writes: %w", path, err)
	}
	if err := info.validate(); err != nil {
		return info, fmt.Errorf("connection file %s: %w", path, err)
	}
	return info, nil
}

func (c *ConnectionInfo) validate() error {
	if c.Transport == "" {
		c.Transport = "tcp"
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return fmt.Errorf("transport %q is not supported: use tcp or ipc", c.Transport)
	}
	if c.IP == "" {
		return fmt.Errorf("it has no ip")
	}
	if c.Key != "" && c.SignatureScheme != "" && c.SignatureScheme != "hmac-sha256" {
		return fmt.Errorf("signature scheme %q is not supported: use hmac-sha256", c.SignatureScheme)
	}
	for name, port := range map[string]int{
		"shell_port": c.ShellPort, "iopub_port": c.IOPubPort, "stdin_port": c.StdinPort,
		"control_port": c.ControlPort, "hb_port": c.HBPort,
	} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%s is %d, which is not a port number", name, port)
		}
	}
	return nil
}

// Endpoint is an address to listen on.
type Endpoint struct{ Network, Address string }

func (c ConnectionInfo) endpoint(port int) Endpoint {
	if c.Transport == "ipc" {
		return Endpoint{Network: "unix", Address: c.IP + "-" + strconv.Itoa(port)}
	}
	host := c.IP
	if host == "*" {
		host = ""
	}
	return Endpoint{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(port))}
}

// Shell is where the shell channel listens.
func (c ConnectionInfo) Shell() Endpoint { return c.endpoint(c.ShellPort) }

// IOPub is where the iopub channel listens.
func (c ConnectionInfo) IOPub() Endpoint { return c.endpoint(c.IOPubPort) }

// Stdin is where the stdin channel listens.
func (c ConnectionInfo) Stdin() Endpoint { return c.endpoint(c.StdinPort) }

// Control is where the control channel listens.
func (c ConnectionInfo) Control() Endpoint { return c.endpoint(c.ControlPort) }

// Heartbeat is where the heartbeat channel listens.
func (c ConnectionInfo) Heartbeat() Endpoint { return c.endpoint(c.HBPort) }
