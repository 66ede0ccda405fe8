// Package reach tells how what listens on a machine is reached from where a person sits.
//
// # Usage
//
//	if !reach.Here(host) {
//		fmt.Println("first run:", reach.Tunnel("8265", host))
//	}
//
// # Concurrency
//
// Its functions may be called from any goroutine.
//
// # Testing
//
// Tables; the addresses of this machine.
package reach

import (
	"net"
	"os"
	"slices"
	"strings"
)

// Loopback reports whether a host is the loopback interface.
func Loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Here reports whether a host is this machine, by its name or one of its addresses. Names are not looked up.
func Here(host string) bool {
	if name, err := os.Hostname(); Loopback(host) || err == nil && strings.EqualFold(host, name) {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	all, err := net.InterfaceAddrs()
	return ip != nil && err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

// Tunnel is the command that makes a loopback port of another machine one of the machine where it runs. to is what ssh is told: a host, with a user and options
// or without.
func Tunnel(port, to string) string { return "ssh -L " + port + ":127.0.0.1:" + port + " " + to }

// Login is what a person who has come to this machine by ssh, as SSH_CONNECTION says, tells ssh to come again; "" where nobody has.
func Login(getenv func(string) string) string {
	words := strings.Fields(getenv("SSH_CONNECTION")) // client, its port, server, its port
	if len(words) != 4 || net.ParseIP(words[2]) == nil {
		return ""
	}
	to := words[2]
	if user := getenv("USER"); user != "" && !strings.ContainsAny(user, " '\"\\$`;&|<>()") {
		to = user + "@" + to
	}
	if words[3] != "22" {
		to = "-p " + words[3] + " " + to
	}
	return to
}
