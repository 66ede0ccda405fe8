package loader

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marker begins the version in a name; digits follow.
const marker = "۰"

// stripVersions removes the versions from a name that the user may see.
func stripVersions(s string) string {
	i := strings.Index(s, marker)
	if i < 0 {
		return s
	}
	var b strings.Builder
	for i >= 0 {
		rest := strings.TrimLeft(s[i+len(marker):], "0123456789")
		if len(rest) == len(s)-i-len(marker) { // no digits: the user's own rune
			b.WriteString(s[:i+len(marker)])
		} else {
			b.WriteString(s[:i])
		}
		s = rest
		i = strings.Index(s, marker)
	}
	b.WriteString(s)
	return b.String()
}

// dependent reports whether a symbol belongs to package main or is built from one that does.
func dependent(name string) bool {
	for i := 0; ; {
		j := strings.Index(name[i:], "main.")
		if j < 0 {
			return false
		}
		i += j
		if i == 0 {
			return true
		}
		r, _ := utf8.DecodeLastRuneInString(name[:i])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_/-~", r) {
			return true
		}
		i += len("main.")
	}
}

// private reports whether a dependent symbol is its unit's own: its number or content has
// no meaning elsewhere.
func private(name string, text bool) bool {
	for _, s := range []string{"..dict.", "..stmp_", "..typeAssert", "..interfaceSwitch", "..inittask", "..gobytes", "..embed", "..autotmp"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	for _, s := range []string{"main.init.", "main.map.init", "main.glob."} {
		if strings.HasPrefix(name, s) {
			return true
		}
	}
	if name == "main.init" || strings.HasSuffix(name, "·f") || !text && strings.Contains(name, ".jump") && strings.HasPrefix(name, "main.") {
		return true
	}
	_, rest, ok := strings.Cut(name, "·") // a type local to a function: main.L·1
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// canonical removes type arguments: main.(*Box[int]).Get becomes main.(*Box).Get.
func canonical(name string) string {
	if strings.IndexByte(name, '[') < 0 {
		return name
	}
	var b strings.Builder
	depth := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// owner returns the defined function that a text symbol is or belongs to (its closures
// and wrappers). exact is true for the function itself and its method value.
func owner(name string, defined map[string]bool) (exact, ok bool) {
	c := canonical(name)
	if defined[c] || defined[strings.TrimSuffix(c, "-fm")] {
		return true, true
	}
	for i := len(c) - 1; i > len("main."); i-- {
		if (c[i] == '.' || c[i] == '-') && defined[c[:i]] {
			return false, true
		}
	}
	return false, false
}

// mangle returns the name under which the Go linker writes a symbol into the table of an
// executable that loads code.
func mangle(name string) string {
	isType := strings.HasPrefix(name, "type:")
	at := strings.IndexByte(name, '@') >= 0
	switch {
	case !isType && !at, strings.HasPrefix(name, "type:runtime."), strings.HasPrefix(name, "go:string."), len(name) <= 14 && !at:
		return name
	case isType:
		p := "type:"
		if name[5] == '.' {
			p = "type:."
		}
		return p + shortHash(name[5:])
	}
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if j == -1 || j <= i {
		j = len(name)
	}
	return name[:i+1] + shortHash(name[i+1:j]) + name[j:]
}

// shortHash is the toolchain's: SHA-256 with the first byte inverted, six bytes of it.
func shortHash(s string) string {
	b := sha256.Sum256([]byte(s))
	b[0] ^= 0xff
	return base64.StdEncoding.EncodeToString(b[:6])
}

// packageOf guesses the import path in a symbol's name.
func packageOf(name string) string {
	name = strings.TrimLeft(strings.TrimPrefix(name, "type:"), "*")
	if b := strings.IndexByte(name, '['); b >= 0 {
		name = name[:b]
	}
	i := strings.LastIndexByte(name, '/') + 1
	j := strings.IndexByte(name[i:], '.')
	if j < 0 {
		return ""
	}
	return strings.ReplaceAll(name[:i+j], "%2e", ".")
}
