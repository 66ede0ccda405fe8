// A libnvidia-ml for tests. The file that FAKE_NVML names holds words that say what it does; it is read at each start:
//   crash, hang, abort      in nvmlInit
//   noisy                   prints to stdout and stderr
//   init=N                  nvmlInit returns N
//   lost=N                  GPU N is lost (its handle is refused); gone=N: its handle is given, and every call of it fails
//   mig                     GPU 1 is cut into two instances
//   action=N                the recovery action of GPU 0
//   rows                    GPU 0 has rows that wait to be remapped
// With -DOLD it lacks what libraries of 2018 lacked.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct gpu *device;
struct gpu { int index, mig; };
static struct gpu gpus[2] = {{0, -1}, {1, -1}}, instances[2] = {{1, 0}, {1, 2}}; // instance 1 does not exist: a gap
static char words[4096];

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, SMALL = 7, LOST = 15 };

static const char *value(const char *key) {
	const char *at = strstr(words, key);
	return at ? at + strlen(key) : 0;
}

static int number(const char *key, int otherwise) {
	const char *v = value(key);
	return v ? atoi(v) : otherwise;
}

int nvmlInit_v2(void) {
	FILE *f = fopen(getenv("FAKE_NVML"), "r");
	if (!f) return 999;
	words[fread(words, 1, sizeof words - 1, f)] = 0;
	fclose(f);
	if (value("noisy")) { printf("{\"gpus\":[]}\nhello from the library"); fflush(stdout); fprintf(stderr, "warning: noise\n"); }
	if (value("crash")) { fprintf(stderr, "about to fall\n"); *(volatile int *)8 = 1; }
	if (value("abort")) { fprintf(stderr, "libnvidia-ml: assertion failed\n"); fflush(stderr); signal(SIGKILL, SIG_DFL); kill(getpid(), SIGKILL); }
	if (value("hang")) { fprintf(stderr, "waiting for the driver\n"); for (;;) pause(); }
	return number("init=", OK);
}

int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int r) { return r == 18 ? "Driver/library version mismatch" : r == LOST ? "GPU is lost" : "some error"; }

static int copy(char *to, unsigned n, const char *text) {
	if (strlen(text) >= n) return SMALL;
	strcpy(to, text);
	return OK;
}

int nvmlSystemGetDriverVersion(char *to, unsigned n) { return copy(to, n, "580.65.06"); }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return OK; }

int nvmlDeviceGetHandleByIndex_v2(unsigned i, device *d) {
	if (i > 1) return INVALID;
	*d = &gpus[i];
	return number("lost=", -1) == (int)i ? LOST : OK;
}

static int gone(device d) { return number("gone=", -1) == d->index ? LOST : OK; }

int nvmlDeviceGetUUID(device d, char *to, unsigned n) {
	char text[96];
	if (gone(d)) return LOST;
	if (d->mig >= 0) sprintf(text, "MIG-%08d-1111-2222-3333-%012d", d->index, d->mig);
	else sprintf(text, "GPU-%08d-aaaa-bbbb-cccc-dddddddddddd", d->index);
	return copy(to, n, text);
}

int nvmlDeviceGetName(device d, char *to, unsigned n) {
	return gone(d) ? LOST : copy(to, n, d->mig >= 0 ? "NVIDIA H100 80GB HBM3 MIG 3g.40gb" : "NVIDIA H100 80GB HBM3");
}

int nvmlDeviceGetMemoryInfo(device d, unsigned long long m[3]) {
	if (gone(d)) return LOST;
	m[0] = (d->mig >= 0 ? 40ULL : 80ULL) << 30;
	m[1] = m[0] - (1ULL << 30);
	m[2] = 1ULL << 30;
	return OK;
}

#ifndef OLD
int nvmlDeviceGetMigMode(device d, unsigned *now, unsigned *then) {
	*now = *then = d->index == 1 && value("mig");
	return gone(d) ? LOST : OK;
}

int nvmlDeviceGetMaxMigDeviceCount(device d, unsigned *n) { *n = 3; return gone(d) ? LOST : OK; }

int nvmlDeviceGetMigDeviceHandleByIndex(device d, unsigned i, device *mig) {
	if (gone(d)) return LOST;
	if (i == 1) return NOT_FOUND;
	*mig = &instances[i / 2];
	return OK;
}

int nvmlDeviceGetRemappedRows(device d, unsigned *corrected, unsigned *not, unsigned *pending, unsigned *failed) {
	*corrected = *not = *failed = 0;
	*pending = d->index == 0 && value("rows");
	return gone(d) ? LOST : OK;
}

struct field { unsigned id, scope; long long at, took; unsigned type; int status; union { unsigned ui; unsigned long long room; } value; };

int nvmlDeviceGetFieldValues(device d, int n, struct field *f) {
	for (int i = 0; i < n; i++) {
		f[i].status = f[i].id == 230 ? OK : NOT_SUPPORTED;
		f[i].value.ui = d->index == 0 ? number("action=", 0) : 0;
	}
	return gone(d) ? LOST : OK;
}
#endif

int nvmlDeviceGetTotalEccErrors(device d, int kind, int counter, unsigned long long *n) { *n = 0; return gone(d) ? LOST : OK; }
