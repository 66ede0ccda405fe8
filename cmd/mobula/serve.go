package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"mobula/kernel"
	"mobula/kernel/history"
	"mobula/kernel/wire"
)

// kernelOptions are the flags of  mobula kernel.
type kernelOptions struct{ connectionFile, logLevel, logFile string }

// serve runs the kernel until a front end shuts it down, its parent ends or a signal says so.
func (o *kernelOptions) serve(ctx context.Context) error {
	log, closeLog, err := logger(o.logLevel, o.logFile)
	if err != nil {
		return err
	}
	defer closeLog()
	info, err := wire.ReadConnectionFile(o.connectionFile)
	if err != nil {
		return err
	}
	historyDir, err := history.DefaultDir()
	if err != nil {
		log.Warn("input history is kept in memory only", "err", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	k, err := kernel.Start(ctx, kernel.Options{
		Connection: info, Open: openEngine, Log: log, HistoryDir: historyDir, Version: version,
	})
	if err != nil {
		return fmt.Errorf("start the kernel: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		heed(ctx, k, signals, log)
	}()
	err = k.Wait()
	stop()
	<-ended
	return err
}

// heed interrupts on SIGINT, and stops the kernel on other signals and when its parent ends.
func heed(ctx context.Context, k *kernel.Kernel, signals <-chan os.Signal, log *slog.Logger) {
	orphaned := watchParent(ctx, os.Getenv("JPY_PARENT_PID"), os.Getppid)
	for {
		select {
		case s := <-signals:
			if s == os.Interrupt {
				k.Interrupt()
				continue
			}
			log.Info("stop", "signal", s.String())
			k.Stop()
		case <-orphaned:
			log.Info("stop: the process that started the kernel has ended")
			k.Stop()
			orphaned = nil
		case <-ctx.Done():
			return
		}
	}
}

// logLevel reads a level; where none is given, that of the environment.
func logLevel(text string) (level slog.Level, err error) {
	text = cmp.Or(text, os.Getenv("MOBULA_LOG"), "warn")
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, misuse("log level %q is none of debug, info, warn, error", text)
	}
	return level, nil
}

// logger writes to stderr, which Jupyter shows in its own log, and to a file if one is named.
func logger(level, file string) (*slog.Logger, func() error, error) {
	l, err := logLevel(level)
	if err != nil {
		return nil, nil, err
	}
	var w io.Writer = os.Stderr
	done := func() error { return nil }
	if file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("open the log file: %w", err)
		}
		w, done = io.MultiWriter(os.Stderr, f), f.Close
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), done, nil
}
