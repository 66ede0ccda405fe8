package direct

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// linkedFuncs are functions that are common in short cells: they can be called directly from
// the first cell on. Others are registered by the first unit that mentions them.
var linkedFuncs = map[string]any{
	"fmt.Print": fmt.Print, "fmt.Printf": fmt.Printf, "fmt.Println": fmt.Println,
	"fmt.Sprint": fmt.Sprint, "fmt.Sprintf": fmt.Sprintf, "fmt.Sprintln": fmt.Sprintln, "fmt.Errorf": fmt.Errorf,
	"errors.New": errors.New, "time.Now": time.Now, "time.Since": time.Since,
	"strings.Contains": strings.Contains, "strings.Fields": strings.Fields, "strings.Join": strings.Join,
	"strings.Repeat": strings.Repeat, "strings.Split": strings.Split, "strings.ToLower": strings.ToLower,
	"strings.ToUpper": strings.ToUpper, "strings.TrimSpace": strings.TrimSpace,
}

// Linked lists the functions that every registry has.
func Linked() []string { return slices.Sorted(maps.Keys(linkedFuncs)) }
