package overlay

import "slices"

// Files are added to the standard library of the session host.
var Files = slices.Concat(loaderFiles, hostFiles)

// Patches change the standard library of the session host.
var Patches = slices.Concat(loaderPatches, hostPatches)

var loaderFiles = []File{
	{Path: "src/runtime/mobula_loader.go", Source: "runtime_loader.go.txt"},
}

var loaderPatches = []Patch{
	{ // itabs made at run time must be near the image, and good for type switches of loaded code
		Path:        "src/runtime/iface.go",
		Anchor:      "m = (*itab)(persistentalloc(unsafe.Sizeof(itab{})+uintptr(len(inter.Methods)-1)*goarch.PtrSize, 0, &memstats.other_sys))",
		Replacement: "m = (*itab)(mobulaItabAlloc(unsafe.Sizeof(itab{}) + uintptr(len(inter.Methods)-1)*goarch.PtrSize))",
	},
	{
		Path:        "src/runtime/iface.go",
		Anchor:      "m.Hash = 0\n",
		Replacement: "m.Hash = typ.Hash\n",
	},
}
