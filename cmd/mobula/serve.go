package main

import (
	"context"
	"flag"
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

// serve runs the kernel until a front end shuts it down, its parent ends or a signal says so.
func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("kernel", flag.ContinueOnError)
	file := flags.String("f", "", "")
	level := flags.String("log-level", "", "")
	logFile := flags.String("log-file", "", "")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *file == "" {
		return usageError{"kernel: -f needs the path of the connection file that Jupyter wrote"}
	}
	log, closeLog, err := logger(*level, *logFile)
	if err != nil {
		return err
	}
	defer closeLog()
	info, err := wire.ReadConnectionFile(*file)
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

// logger writes to stderr, which Jupyter shows in its own log, and to a file if one is named.
func logger(level, file string) (*slog.Logger, func() error, error) {
	if level == "" {
		level = os.Getenv("MOBULA_LOG")
	}
	if level == "" {
		level = "warn"
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, usageError{fmt.Sprintf("log level %q is none of debug, info, warn, error", level)}
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
