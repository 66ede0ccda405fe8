package overlay

import _ "embed" // for the added files

//go:embed files/runtime_host.go.txt
var runtimeHost string

//go:embed files/runtime_stop_amd64.go.txt
var runtimeStopAMD64 string

//go:embed files/os_host.go.txt
var osHost string

// hostAdded are the files that serve package host: goroutine owners, the stop service, panics, output.
var hostAdded = []added{
	{"runtime/mobula_host.go", runtimeHost},
	{"runtime/mobula_stop_amd64.go", runtimeStopAMD64},
	{"os/mobula_host.go", osHost},
}

// hostPatches hook the session host into package runtime and package os.
var hostPatches = []patch{
	// Who started a goroutine, inherited as profiler labels are, but out of the user's reach.
	{"runtime/runtime2.go", "	labels          unsafe.Pointer // profiler labels\n", "	labels          unsafe.Pointer // profiler labels\n	mobulaOwner     unsafe.Pointer\n"},
	{"runtime/proc.go", "			newg.labels = mp.curg.labels\n", "			newg.labels = mp.curg.labels\n			newg.mobulaOwner = mp.curg.mobulaOwner\n"},
	{"runtime/proc.go", "	gp.labels = nil\n	gp.timer = nil\n", "	gp.labels = nil\n	gp.mobulaOwner = nil\n	gp.timer = nil\n"},
	// A panic that nobody recovers ends its goroutine.
	{"runtime/panic.go", "	preprintpanics(&p)\n\n	fatalpanic(&p)", "	mobulaEndPanic(p.arg)\n	preprintpanics(&p)\n\n	fatalpanic(&p)"},
	// No recover() swallows a stop.
	{"runtime/panic.go", "	if p == nil || p.goexit || p.recovered {\n		return nil\n	}\n\n	// Check to see", "	if p == nil || p.goexit || p.recovered || mobulaIsStop(p.arg) {\n		return nil\n	}\n\n	// Check to see"},
	{"runtime/signal_unix.go", "	switch gp.sig {\n	case _SIGBUS:\n		if gp.sigcode0 == _BUS_ADRERR", "	if gp.sig == mobulaSignal {\n		gp.sig = 0\n		panic(mobulaStopValue)\n	}\n	switch gp.sig {\n	case _SIGBUS:\n		if gp.sigcode0 == _BUS_ADRERR"},
	// Output, input and exit of cells.
	{"os/file.go", "	n, e := f.write(b)\n	if n < 0 {", "	if f.stdoutOrErr && mobulaWrite != nil {\n		if n, err, ok := mobulaWrite(f.pfd.Sysfd, b); ok {\n			return n, err\n		}\n	}\n	n, e := f.write(b)\n	if n < 0 {"},
	{"os/file.go", "	n, handled, e := f.readFrom(r)\n", "	if f.stdoutOrErr && mobulaWrite != nil {\n		return genericReadFrom(f, r)\n	}\n	n, handled, e := f.readFrom(r)\n"},
	{"os/file.go", "	n, e := f.read(b)\n	return n, f.wrapErr(\"read\", e)\n", "	if mobulaRead != nil && f.pfd.Sysfd == 0 {\n		if n, err, ok := mobulaRead(b); ok {\n			return n, err\n		}\n	}\n	n, e := f.read(b)\n	return n, f.wrapErr(\"read\", e)\n"},
	{"os/proc.go", "	runtime_beforeExit(code)\n\n	syscall.Exit(code)", "	if mobulaExit != nil {\n		mobulaExit(code)\n	}\n	runtime_beforeExit(code)\n\n	syscall.Exit(code)"},
}
