//go:build !(nvml && cgo && linux)

package nvml

import "mobula/cluster/gpu"

func report() gpu.Report {
	return gpu.Failure("nvml", gpu.NotBuilt, "this mobula was built without NVML (that takes Linux, cgo and -tags nvml)")
}
