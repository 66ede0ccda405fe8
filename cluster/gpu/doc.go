// Package gpu tells which GPUs a node may offer, whether they work, and how a worker is shown only those that it was given.
//
// NVIDIA's management library (NVML) may end or hang whoever loads it, so it is loaded by a child process alone: a program that calls
// nvml.Main, the command mobula for example. This package starts that child, bounds its time, and says in one line why there are no
// GPUs. Where no such program is found, or it cannot answer, nvidia-smi is asked.
//
// A GPU that is cut into MIG instances counts as its instances. CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES that this process was
// started with bound what is offered. The number of a GPU is that of NVML, the order on the PCI bus; CUDA's own order may differ, so
// workers are always given uuids.
//
// # Usage
//
//	found := gpu.Discover(ctx, gpu.Config{})
//	if len(found.Units) == 0 {
//		logger.Info("no GPUs", "reason", found.Why())
//	}
//	devices := found.Devices() // for the node's ledger
//	go found.Watch(ctx, gpu.Interval, func(c gpu.Change) { ... }) // until ctx ends
//	text, err := gpu.VisibleDevices(ids)                          // a worker's CUDA_VISIBLE_DEVICES
//
// # Concurrency
//
// An Inventory may be shared; probes of one inventory run one after another. A child that the system cannot end, because it hangs in the
// driver, is left behind with the goroutine that waits for it, and no other is started until it has ended.
//
// # Testing
//
// What changed and what is visible is decided by pure functions: tables and FuzzLimits; FuzzSMI feeds damaged tables of nvidia-smi. The test
// binary stands for children that crash, hang and talk nonsense. Package nvml starts real children with a library of its own making.
package gpu
