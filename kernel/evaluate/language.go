package evaluate

import (
	"runtime"
	"strings"
)

// LanguageInfo is what front ends are told about the language, and what they save in metadata.language_info.
func LanguageInfo() map[string]any {
	return map[string]any{
		"name": "go", "version": strings.TrimPrefix(runtime.Version(), "go"), "mimetype": "text/x-go", "file_extension": ".go",
		"pygments_lexer": "go", "codemirror_mode": "go", "nbconvert_exporter": "script",
	}
}
