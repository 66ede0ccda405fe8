package kernel

import (
	"encoding/json"
	"runtime"
	"strings"

	"mobula/kernel/evaluate"
	"mobula/kernel/wire"
)

func (k *Kernel) kernelInfo(r *request) {
	goVersion := strings.TrimPrefix(runtime.Version(), "go")
	r.reply(object{
		"protocol_version":       wire.ProtocolVersion,
		"implementation":         "mobula",
		"implementation_version": k.opts.Version,
		"language_info":          evaluate.LanguageInfo(),
		"banner":                 "Mobula " + k.opts.Version + ", Go " + goVersion + ". %help lists the magics; name? shows what a name is.",
		"help_links": []object{
			{"text": "Go language specification", "url": "https://go.dev/ref/spec"},
			{"text": "Go standard library", "url": "https://pkg.go.dev/std"},
			{"text": "Effective Go", "url": "https://go.dev/doc/effective_go"},
		},
		"debugger":           false,
		"supported_features": []string{"kernel subshells"},
	})
}

// connect tells the ports of the channels.
func (k *Kernel) connect(r *request) {
	c := k.opts.Connection
	r.reply(object{
		"shell_port": c.ShellPort, "iopub_port": c.IOPubPort, "stdin_port": c.StdinPort,
		"hb_port": c.HBPort, "control_port": c.ControlPort,
	})
}

// debug says, in the terms of the Debug Adapter Protocol too, that there is no debugger.
func (k *Kernel) debug(r *request) {
	var c struct {
		Seq     int    `json:"seq"`
		Command string `json:"command"`
	}
	if err := json.Unmarshal(r.Content, &c); err != nil {
		k.log.Debug("debug_request", "err", err)
	}
	const why = "this kernel has no debugger (kernel_info does not list the feature)"
	r.reply(object{
		"status": "error", "ename": "NotSupported", "evalue": why, "traceback": []string{"NotSupported: " + why},
		"type": "response", "request_seq": c.Seq, "command": c.Command, "success": false, "message": why,
	})
}

// shutdown answers and stops the kernel; the answer is written out before the process ends.
func (k *Kernel) shutdown(r *request) {
	var c struct {
		Restart bool `json:"restart"`
	}
	asked := false
	r.around(func() {
		if !r.bind(&c) {
			return
		}
		k.log.Info("shutdown", "restart", c.Restart)
		r.reply(object{"restart": c.Restart})
		k.publish(r.RawHeader, "shutdown_reply", object{"status": "ok", "restart": c.Restart})
		asked = true
	})
	if asked {
		k.cancel() // after idle: closing the channels writes out only what is queued
	}
}
