// Program yield has one of the host's own goroutines wake a cell's again and again, and let it go first: on one processor it must have run
// when the other goes on.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"mobula/interp/host/hook"
)

func main() {
	runtime.GOMAXPROCS(1)
	hook.Install(hook.Hooks{StopValue: errors.New("stop"), Panicked: func(any) bool { return true }})
	owner := new(int)
	turns, ran := make(chan int), 0
	go func() {
		hook.SetOwner(unsafe.Pointer(owner))
		for range turns {
			ran++
		}
	}()
	const rounds, few = 1000, 100 // the scheduler looks elsewhere now and then
	late := 0
	for i := range rounds {
		turns <- i
		runtime.Gosched()
		if ran <= i {
			late++
		}
		for tries := 0; ran <= i; tries++ {
			if tries > 1_000_000 {
				fmt.Println("never in round", i)
				os.Exit(1)
			}
			runtime.Gosched()
		}
	}
	if late > few {
		fmt.Println("late in", late, "of", rounds, "rounds")
		os.Exit(1)
	}
	fmt.Println("ok", late)
}
