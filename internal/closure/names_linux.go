package closure

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"slices"
	"strings"
)

// closureOffset is the attribute by which the compiler tells where in its closure a captured variable lies: DW_AT_go_closure_offset.
const closureOffset dwarf.Attr = 0x2907

// CapturedNames returns what the program's source calls the variables that a function of the executable captures, in their order; nil where the
// executable has no debugging information. It reads all of that: for messages only.
func CapturedNames(entry uintptr) []string {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.DWARF()
	text := f.Section(".text")
	if err != nil || text == nil {
		return nil
	}
	address := uint64(entry-Executable().Text.Start) + text.Addr
	r := info.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil
		}
		switch low, _ := e.Val(dwarf.AttrLowpc).(uint64); {
		case e.Tag == dwarf.TagSubprogram && low == address && e.Children:
			return capturedIn(r)
		case e.Tag == dwarf.TagSubprogram && e.Children:
			r.SkipChildren()
		}
	}
}

// capturedIn lists the captured variables of the function whose first child comes next.
func capturedIn(r *dwarf.Reader) []string {
	type variable struct {
		offset int64
		name   string
	}
	var list []variable
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 {
			break
		}
		if offset, ok := e.Val(closureOffset).(int64); ok {
			name, _ := e.Val(dwarf.AttrName).(string)
			list = append(list, variable{offset, strings.TrimPrefix(name, "&")})
		}
		if e.Children {
			r.SkipChildren()
		}
	}
	slices.SortFunc(list, func(a, b variable) int { return cmp.Compare(a.offset, b.offset) })
	var names []string
	for _, v := range list {
		names = append(names, v.name)
	}
	return names
}
