package yield

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Processor lets others have the processor, in Go's sense and in the kernel's. It
// is to be called with no lock held: who has used up its time by itself between
// two parts isn't put off the processor within one, with a lock that packets wait
// for. It costs less than a microsecond where nobody else wants to run, and is safe
// for concurrent use.
func Processor() {
	runtime.Gosched()
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // can't fail
}
