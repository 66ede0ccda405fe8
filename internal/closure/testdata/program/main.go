// Command program holds the types that package closure finds for all closures in it against its own debugging
// information, which tells of some captured variables, and at which offset they are.
package main

import (
	_ "archive/zip"
	"cmp"
	_ "database/sql"
	"debug/dwarf"
	"debug/elf"
	_ "encoding/json"
	"fmt"
	_ "go/build"
	_ "go/types"
	_ "html/template"
	_ "net/http/httputil"
	_ "net/rpc"
	"os"
	"reflect"
	_ "runtime/pprof"
	"slices"
	"strings"
	_ "testing"

	"mobula/internal/closure"
)

// closureOffset is DW_AT_go_closure_offset.
const closureOffset = dwarf.Attr(0x2907)

type variable struct {
	name   string
	typ    string
	offset int64
}

func main() {
	f, err := elf.Open("/proc/self/exe")
	check(err)
	info, err := f.DWARF()
	check(err)
	functions, variables, wrong := 0, 0, 0
	r := info.Reader()
	for {
		e, err := r.Next()
		check(err)
		if e == nil {
			break
		}
		if e.Tag != dwarf.TagSubprogram {
			continue
		}
		entry, _ := e.Val(dwarf.AttrLowpc).(uint64)
		vars := captured(info, r, e)
		if len(vars) == 0 || entry == 0 {
			continue
		}
		p, err := closure.Layout(uintptr(entry), 0)
		if err != nil {
			continue // no code makes it any more, or only on a stack; or it is generic
		}
		functions++
		if functions <= 5 { // each reads all of the debugging information
			if names := closure.CapturedNames(uintptr(entry)); len(names) != len(vars) || names[0] != strings.TrimPrefix(first(vars).name, "&") {
				wrong++
				fmt.Printf("%v captures %v by name, %v\n", e.Val(dwarf.AttrName), names, vars)
			}
		}
		for _, v := range vars {
			variables++
			if why := compare(p, v); why != "" {
				wrong++
				fmt.Printf("%v, %s: %s\n", e.Val(dwarf.AttrName), v.name, why)
			}
		}
	}
	fmt.Printf("%d functions, %d variables, %d wrong\n", functions, variables, wrong)
}

func captured(info *dwarf.Data, r *dwarf.Reader, e *dwarf.Entry) (vars []variable) {
	if !e.Children {
		return nil
	}
	for {
		c, err := r.Next()
		check(err)
		if c == nil || c.Tag == 0 {
			return vars
		}
		if offset, ok := c.Val(closureOffset).(int64); ok {
			t, err := info.Type(c.Val(dwarf.AttrType).(dwarf.Offset))
			check(err)
			name, _, _ := strings.Cut(strings.ReplaceAll(t.String(), "struct ", ""), "·")
			vars = append(vars, variable{c.Val(dwarf.AttrName).(string), name, offset})
		}
		if c.Children {
			r.SkipChildren()
		}
	}
}

// first is the variable that comes first in the closure.
func first(vars []variable) variable {
	return slices.MinFunc(vars, func(a, b variable) int { return cmp.Compare(a.offset, b.offset) })
}

// compare finds the captured variable at the offset. A variable that is captured by value but lives in memory is told of by
// its address.
func compare(p reflect.Type, v variable) string {
	for f := range p.Fields() {
		if int64(f.Offset) != v.offset {
			continue
		}
		got := f.Type.String()
		switch {
		case base(got) == base(v.typ), v.name[0] == '&' && base(got) == base(v.typ[1:]):
			return ""
		case strings.Contains(got, "struct {") && strings.Contains(v.typ, "{"), strings.HasPrefix(got, "func(") && strings.HasPrefix(v.typ, "func("):
			return "" // written in other ways
		}
		return fmt.Sprintf("found %s, told %s", got, v.typ)
	}
	return fmt.Sprintf("%v has nothing at offset %d", p, v.offset)
}

// base is a type without the paths and names of packages.
func base(t string) string {
	return t[strings.LastIndexAny(t, "./")+1:]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
}
