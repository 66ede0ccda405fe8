//go:build nvml && cgo && linux

package nvml

import (
	"encoding/binary"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"mobula/cluster/gpu"
)

const (
	source  = "nvml"
	library = "libnvidia-ml.so.1"
)

func report() gpu.Report {
	// go-nvml says only that it has no library, not why. The handle stays open: the process ends soon.
	if err := dl.New(library, dl.RTLD_LAZY|dl.RTLD_GLOBAL).Open(); err != nil {
		return notLoaded(err.Error())
	}
	return read(nvml.New(nvml.WithLibraryPath(library)))
}

// notLoaded explains why the library cannot be loaded, by the words of the C library.
func notLoaded(text string) gpu.Report {
	switch {
	case strings.Contains(text, "Permission denied"):
		return gpu.Failure(source, gpu.NoPermission, "the NVIDIA library may not be read by this user: %s", text)
	case strings.Contains(text, library+": cannot open shared object file: No such file"):
		return gpu.Failure(source, gpu.NoLibrary, "there is no NVIDIA driver on this machine: no %s", library)
	}
	return gpu.Failure(source, gpu.NoLibrary, "the NVIDIA library cannot be loaded: %s", text)
}

// read asks the library for everything.
func read(lib nvml.Interface) gpu.Report {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return notStarted(ret)
	}
	defer lib.Shutdown()
	r := gpu.Report{Source: source, GPUs: []gpu.GPU{}}
	r.Driver, _ = lib.SystemGetDriverVersion() // empty where it does not say
	n, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return gpu.Failure(source, gpu.Failed, "the NVIDIA driver cannot count its GPUs: %v", ret)
	}
	// Old libraries lack functions, and a call of one that is not there ends the process.
	has := func(name string) bool { return lib.Extensions().LookupSymbol(name) == nil }
	for i := range n {
		r.GPUs = append(r.GPUs, readGPU(lib, i, has))
	}
	return r
}

func notStarted(ret nvml.Return) gpu.Report {
	switch ret {
	case nvml.ERROR_NO_PERMISSION:
		return gpu.Failure(source, gpu.NoPermission, "the NVIDIA library is here, and this user may not use the driver: give it access to the devices /dev/nvidia*")
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return gpu.Failure(source, gpu.NoDriver, "the NVIDIA library is here, and the driver is not loaded: see nvidia-smi; in a container, start it with GPUs")
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return gpu.Failure(source, gpu.NoDriver, "the NVIDIA library and the loaded driver are of different versions: reboot, or load the driver anew")
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return gpu.Failure(source, gpu.NoLibrary, "the NVIDIA library cannot be loaded")
	}
	return gpu.Failure(source, gpu.Failed, "the NVIDIA library cannot start: %v", ret)
}

func readGPU(lib nvml.Interface, index int, has func(string) bool) gpu.GPU {
	g := gpu.GPU{Index: index, Health: gpu.Health{State: gpu.OK}}
	device, ret := lib.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		g.Health.Worsen(gpu.Lost, "%s", explain(ret))
		return g
	}
	check := func(what string, ret nvml.Return) {
		switch ret {
		case nvml.SUCCESS, nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_FUNCTION_NOT_FOUND:
		case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
			if g.Health.State != gpu.Lost { // every later call says the same
				g.Health.Worsen(gpu.Lost, "%s", explain(ret))
			}
		default:
			g.Health.Worsen(gpu.Degraded, "its %s cannot be read: %v", what, ret)
		}
	}
	g.ID, ret = device.GetUUID()
	check("uuid", ret)
	g.Name, ret = device.GetName()
	check("name", ret)
	memory, ret := device.GetMemoryInfo()
	check("memory", ret)
	if ret == nvml.SUCCESS {
		g.Memory = gpu.Memory{Total: int64(memory.Total), Free: int64(memory.Free)}
	}
	if has("nvmlDeviceGetMigMode") {
		mode, _, ret := device.GetMigMode()
		check("MIG mode", ret)
		if g.MIG = ret == nvml.SUCCESS && mode == nvml.DEVICE_MIG_ENABLE; g.MIG {
			g.Instances = readInstances(device, check)
		}
	}
	readErrors(device, &g.Health, check, has)
	return g
}

func explain(ret nvml.Return) string {
	switch ret {
	case nvml.ERROR_GPU_IS_LOST:
		return "it has fallen off the bus or cannot be reached: reboot the machine"
	case nvml.ERROR_RESET_REQUIRED:
		return "it must be reset before it can be used again: nvidia-smi --gpu-reset"
	case nvml.ERROR_NO_PERMISSION:
		return "this user may not use it: give it access to its device /dev/nvidia*"
	case nvml.ERROR_INSUFFICIENT_POWER:
		return "its power cables are not attached as they should be"
	}
	return "the driver cannot reach it: " + ret.Error()
}

// readInstances lists the MIG instances. Indices may have gaps.
func readInstances(device nvml.Device, check func(string, nvml.Return)) []gpu.Instance {
	most, ret := device.GetMaxMigDeviceCount()
	check("number of MIG instances", ret)
	var instances []gpu.Instance
	for i := range most {
		mig, ret := device.GetMigDeviceHandleByIndex(i)
		if ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INVALID_ARGUMENT {
			continue
		}
		check("MIG instances", ret)
		if ret != nvml.SUCCESS {
			continue
		}
		in := gpu.Instance{Index: i}
		in.ID, ret = mig.GetUUID()
		check("MIG instance's uuid", ret)
		if ret != nvml.SUCCESS {
			continue
		}
		in.Name, _ = mig.GetName() // only for people
		if memory, ret := mig.GetMemoryInfo(); ret == nvml.SUCCESS {
			in.Memory = gpu.Memory{Total: int64(memory.Total), Free: int64(memory.Free)}
		}
		instances = append(instances, in)
	}
	return instances
}

// readErrors asks for what the driver remembers of errors. Xid events themselves reach only who listened when they happened;
// what they leave behind is the recovery action, and memory that waits to be replaced.
func readErrors(device nvml.Device, h *gpu.Health, check func(string, nvml.Return), has func(string) bool) {
	if has("nvmlDeviceGetTotalEccErrors") {
		n, ret := device.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
		check("count of memory errors", ret)
		if ret == nvml.SUCCESS && n > 0 {
			h.Worsen(gpu.Degraded, gpu.ReasonECC, n)
		}
	}
	if has("nvmlDeviceGetRetiredPagesPendingStatus") {
		pending, ret := device.GetRetiredPagesPendingStatus()
		check("retired pages", ret)
		if ret == nvml.SUCCESS && pending == nvml.FEATURE_ENABLED {
			h.Worsen(gpu.Degraded, gpu.ReasonPages)
		}
	}
	if has("nvmlDeviceGetRemappedRows") {
		_, _, pending, failed, ret := device.GetRemappedRows()
		check("remapped rows", ret)
		if ret == nvml.SUCCESS && failed {
			h.Worsen(gpu.Degraded, "rows of its memory failed and no spare ones are left: have it replaced")
		}
		if ret == nvml.SUCCESS && pending {
			h.Worsen(gpu.Degraded, "rows of its memory wait to be replaced by spare ones: reset it")
		}
	}
	if has("nvmlDeviceGetFieldValues") {
		readRecovery(device, h, check)
	}
}

// Recovery actions of drivers later than the header that go-nvml was made from.
const (
	busReset     nvml.DeviceGpuRecoveryAction = 6
	systemReboot nvml.DeviceGpuRecoveryAction = 7
)

// readRecovery asks what the driver wants done after errors (Xids) of the past.
func readRecovery(device nvml.Device, h *gpu.Health, check func(string, nvml.Return)) {
	values := []nvml.FieldValue{{FieldId: nvml.FI_DEV_GET_GPU_RECOVERY_ACTION}}
	ret := device.GetFieldValues(values)
	check("recovery action", ret)
	if ret != nvml.SUCCESS || nvml.Return(values[0].NvmlReturn) != nvml.SUCCESS {
		return // drivers before R570 have no such field
	}
	switch nvml.DeviceGpuRecoveryAction(binary.NativeEndian.Uint32(values[0].Value[:4])) {
	case nvml.GPU_RECOVERY_ACTION_NONE:
	case nvml.GPU_RECOVERY_ACTION_GPU_RESET, busReset:
		h.Worsen(gpu.Lost, "the driver wants it reset after an error (Xid, see dmesg): nvidia-smi --gpu-reset")
	case nvml.GPU_RECOVERY_ACTION_NODE_REBOOT, systemReboot:
		h.Worsen(gpu.Lost, "the driver wants the machine rebooted after an error (Xid, see dmesg)")
	default:
		h.Worsen(gpu.Degraded, "after an error (Xid, see dmesg) the driver wants its work to end, and then a reset")
	}
}
