package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"time"
)

// limits measures what the machine can do, each once.
type limits struct {
	self, dir string
	known     map[string]float64
}

func (l *limits) get(name string) (float64, error) {
	if v, ok := l.known[name]; ok {
		return v, nil
	}
	measure := map[string]func() (float64, error){limitRoundTrip: l.roundTrip, limitProcess: l.process}[name]
	if measure == nil {
		return 0, fmt.Errorf("there is no limit %q", name)
	}
	v, err := measure()
	if err != nil {
		return 0, err
	}
	if l.known == nil {
		l.known = map[string]float64{}
	}
	l.known[name] = v
	return v, nil
}

const (
	pingSize   = 100
	pings      = 2000
	streamSize = 1 << 30
	streamPart = 1 << 20
)

// withEcho calls f with a connection to another process that sends back what it gets, or, asked by TCP, sends as much as streamSize for each byte.
func (l *limits) withEcho(network string, f func(net.Conn) error) (err error) {
	address := filepath.Join(l.dir, "echo")
	if network == "tcp" {
		address = "127.0.0.1:0"
	}
	cmd := exec.Command(l.self, "-role", roleEcho, address)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close(), cmd.Wait()) }()
	if _, err := fmt.Fscanln(out, &address); err != nil {
		return fmt.Errorf("the process that answers: %w", err)
	}
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// echo serves one connection of withEcho.
func echo(address string) error {
	network := "unix"
	if _, _, err := net.SplitHostPort(address); err == nil {
		network = "tcp"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println(l.Addr())
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	part := make([]byte, streamPart)
	for i := range part {
		part[i] = byte(i)
	}
	if network == "unix" {
		_, err := io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, part)
		return err
	}
	for {
		if _, err := io.ReadFull(c, part[:1]); err != nil {
			return nil // the other end has measured enough
		}
		for range streamSize / streamPart {
			if _, err := c.Write(part); err != nil {
				return err
			}
		}
	}
}

// roundTrip is the median of round trips, in microseconds.
func (l *limits) roundTrip() (us float64, err error) {
	var samples []float64
	err = l.withEcho("unix", func(c net.Conn) error {
		ping := make([]byte, pingSize)
		for range pings {
			start := time.Now()
			if _, err := c.Write(ping); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, ping); err != nil {
				return err
			}
			samples = append(samples, float64(time.Since(start).Nanoseconds())/1000)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return median(samples), nil
}

// stream is how fast TCP is between two processes, into memory that was used before, in GB/s.
func (l *limits) stream() (gbs float64, err error) {
	var samples []float64
	err = l.withEcho("tcp", func(c net.Conn) error {
		into := make([]byte, streamSize)
		for round := range 4 {
			start := time.Now()
			if _, err := c.Write([]byte{1}); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, into); err != nil {
				return err
			}
			if round > 0 {
				samples = append(samples, streamSize/1e9/time.Since(start).Seconds())
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return median(samples), nil
}

// process is the median of starting this program and waiting for its end, in milliseconds.
func (l *limits) process() (ms float64, err error) {
	var samples []float64
	for range 10 {
		start := time.Now()
		if err := exec.Command(l.self, "-role", roleNothing).Run(); err != nil {
			return 0, err
		}
		samples = append(samples, time.Since(start).Seconds()*1000)
	}
	return median(samples), nil
}
