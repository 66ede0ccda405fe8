package closure

import (
	"bufio"
	"debug/elf"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// executableCode finds the running executable's code and data.
func executableCode() *Code {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return &Code{}
	}
	defer f.Close()
	slide, ok := slideOf(f)
	if !ok {
		return &Code{}
	}
	c := &Code{}
	if s := f.Section(".text"); s != nil {
		c.Text = Range{uintptr(s.Addr) + slide, uintptr(s.Addr+s.Size) + slide}
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			c.Data = append(c.Data, Range{uintptr(p.Vaddr) + slide, uintptr(p.Vaddr+p.Memsz) + slide})
		}
	}
	names := sync.OnceValue(func() map[uintptr]string { return dictionaryNames(slide) })
	c.Symbol = func(p uintptr) string { return names()[p] }
	return c
}

// dictionaryNames has the names of the executable's dictionaries by address; there are none in a stripped one.
func dictionaryNames(slide uintptr) map[uintptr]string {
	names := map[uintptr]string{}
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return names
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return names
	}
	for _, s := range symbols {
		if strings.Contains(s.Name, "..dict.") {
			names[uintptr(s.Value)+slide] = strings.ReplaceAll(s.Name, "%2e", ".")
		}
	}
	return names
}

// slideOf returns how far the executable lies from the addresses that it was linked for. The first mapping of
// its file is the first segment; a function of this package checks it.
func slideOf(f *elf.File) (uintptr, bool) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, false
	}
	defer maps.Close()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, false
	}
	here := reflect.ValueOf(executableCode).Pointer()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.SplitN(lines.Text(), " ", 6)
		if len(fields) < 6 || strings.TrimSpace(fields[5]) != exe {
			continue
		}
		from, _, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		offset, err2 := strconv.ParseUint(fields[2], 16, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		for _, p := range f.Progs {
			if p.Type != elf.PT_LOAD || p.Off&^0xfff != offset {
				continue
			}
			slide := uintptr(start) - uintptr(p.Vaddr)&^0xfff
			if s := f.Section(".text"); s != nil && here >= uintptr(s.Addr)+slide && here < uintptr(s.Addr+s.Size)+slide {
				return slide, true
			}
		}
	}
	return 0, false
}
