//go:build mobulahost

package loader

// The Go linker keeps all methods and the names of types of a program that can open plugins.
import _ "plugin"
