package overlay

// hostFiles are the files that serve package host: goroutine owners, the stop service, panics, output.
var hostFiles = []File{
	{Path: "src/runtime/mobula_host.go", Source: "runtime_host.go.txt"},
	{Path: "src/runtime/mobula_stop_amd64.go", Source: "runtime_stop_amd64.go.txt"},
	{Path: "src/runtime/mobula_decode_amd64.go", Source: "runtime_decode_amd64.go.txt"},
	{Path: "src/runtime/mobula_ready.go", Source: "runtime_ready.go.txt"},
	{Path: "src/runtime/mobula_stop_other.go", Source: "runtime_stop_other.go.txt"},
	{Path: "src/runtime/mobula_group_linux_amd64.s", Source: "runtime_group_linux_amd64.s.txt"},
	{Path: "src/runtime/mobula_group_linux_amd64.go", Source: "runtime_group_linux_amd64.go.txt"},
	{Path: "src/runtime/mobula_group_other.go", Source: "runtime_group_other.go.txt"},
	{Path: "src/os/mobula_host.go", Source: "os_host.go.txt"},
}

// hostPatches hook the session host into package runtime and package os.
var hostPatches = []Patch{
	// Who started a goroutine, inherited as profiler labels are, but out of the user's reach.
	{Path: "src/runtime/runtime2.go", Anchor: "	labels          unsafe.Pointer // profiler labels\n", Replacement: "	labels          unsafe.Pointer // profiler labels\n	mobulaOwner     unsafe.Pointer\n	mobulaStopped   uintptr // entry of the function that was stopped last\n	mobulaYielded   bool    // it called Gosched, and was not woken since\n"},
	{Path: "src/runtime/proc.go", Anchor: "			newg.labels = mp.curg.labels\n", Replacement: "			newg.labels = mp.curg.labels\n			newg.mobulaOwner = mp.curg.mobulaOwner\n			newg.paniconfault = newg.mobulaOwner != nil\n"},
	{Path: "src/runtime/proc.go", Anchor: "	gp.labels = nil\n	gp.timer = nil\n", Replacement: "	gp.labels = nil\n	gp.mobulaOwner, gp.mobulaStopped, gp.mobulaYielded = nil, 0, false\n	gp.timer = nil\n"},
	// The host's own goroutines do not wait behind the busy ones of cells.
	{Path: "src/runtime/proc.go", Anchor: "		n := q.size\n		lock(&sched.lock)\n		globrunqputbatch(&q)\n", Replacement: "		n := q.size\n		lock(&sched.lock)\n		mobulaReadyBatch(&q)\n"},
	{Path: "src/runtime/proc.go", Anchor: "		globrunqput(gp)\n\n		// Below, we stoplockedm", Replacement: "		mobulaReady(gp)\n\n		// Below, we stoplockedm"},
	{Path: "src/runtime/proc.go", Anchor: "	if pp.schedtick%61 == 0 && !sched.runq.empty() {", Replacement: "	if (pp.schedtick%61 == 0 || mobulaUrgent()) && !sched.runq.empty() {"},
	{Path: "src/runtime/proc.go", Anchor: "	if preempted && sched.gcwaiting.Load() {\n", Replacement: "	gp.mobulaYielded = !preempted\n	if preempted && sched.gcwaiting.Load() {\n"},
	// A panic that nobody recovers ends its goroutine.
	{Path: "src/runtime/panic.go", Anchor: "	preprintpanics(&p)\n\n	fatalpanic(&p)", Replacement: "	mobulaEndPanic(p.arg)\n	preprintpanics(&p)\n\n	fatalpanic(&p)"},
	// No recover() swallows a stop.
	{Path: "src/runtime/panic.go", Anchor: "	if p == nil || p.goexit || p.recovered {\n		return nil\n	}\n\n	// Check to see", Replacement: "	if p == nil || p.goexit || p.recovered || mobulaIsStop(p.arg) {\n		return nil\n	}\n\n	// Check to see"},
	{Path: "src/runtime/panic.go", Anchor: "			if p.initOpenCodedDefers(u.frame.fn, unsafe.Pointer(u.frame.varp)) {", Replacement: "			if !mobulaDefersGone(gp, u.frame.fn) && p.initOpenCodedDefers(u.frame.fn, unsafe.Pointer(u.frame.varp)) {"},
	{Path: "src/runtime/signal_unix.go", Anchor: "	switch gp.sig {\n	case _SIGBUS:\n		if gp.sigcode0 == _BUS_ADRERR", Replacement: "	if gp.sig == mobulaSignal {\n		gp.sig = 0\n		panic(mobulaStopValue)\n	}\n	switch gp.sig {\n	case _SIGBUS:\n		if gp.sigcode0 == _BUS_ADRERR"},
	// The kernel has gone: end the process group even where no goroutine can run.
	{Path: "src/runtime/signal_unix.go", Anchor: "func sighandler(sig uint32, info *siginfo, ctxt unsafe.Pointer, gp *g) {\n", Replacement: "func sighandler(sig uint32, info *siginfo, ctxt unsafe.Pointer, gp *g) {\n	if sig == mobulaDeathSignal && mobulaPanicHook != nil {\n		mobulaEndGroup()\n	}\n"},
	// Reports of fatal errors name the cell.
	{Path: "src/runtime/runtime1.go", Anchor: "{name: \"tracebacklabels\", atomic: &debug.tracebacklabels, def: 0}", Replacement: "{name: \"tracebacklabels\", atomic: &debug.tracebacklabels, def: 1}"},
	// Output, input and exit of cells.
	{Path: "src/os/file.go", Anchor: "	n, e := f.write(b)\n	if n < 0 {", Replacement: "	if f.stdoutOrErr && mobulaWrite != nil {\n		if n, err, ok := mobulaWrite(f.pfd.Sysfd, b); ok {\n			return n, err\n		}\n	}\n	n, e := f.write(b)\n	if n < 0 {"},
	{Path: "src/os/file.go", Anchor: "	n, handled, e := f.readFrom(r)\n", Replacement: "	if f.stdoutOrErr && mobulaWrite != nil {\n		return genericReadFrom(f, r)\n	}\n	n, handled, e := f.readFrom(r)\n"},
	{Path: "src/os/file.go", Anchor: "	n, e := f.read(b)\n	return n, f.wrapErr(\"read\", e)\n", Replacement: "	if mobulaRead != nil && f.pfd.Sysfd == 0 {\n		if n, err, ok := mobulaRead(b); ok {\n			return n, err\n		}\n	}\n	n, e := f.read(b)\n	return n, f.wrapErr(\"read\", e)\n"},
	{Path: "src/os/proc.go", Anchor: "	runtime_beforeExit(code)\n\n	syscall.Exit(code)", Replacement: "	if mobulaExit != nil {\n		mobulaExit(code)\n	}\n	runtime_beforeExit(code)\n\n	syscall.Exit(code)"},
}
