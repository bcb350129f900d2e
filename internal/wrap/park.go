package wrap

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// parkTick is how often a parked call is looked after.
const parkTick = 20 * time.Millisecond

// errRestart is the kernel's ERESTARTSYS: what handles the signal that is
// pending then makes EINTR of it, or has the call made again, as SA_RESTART
// says.
const errRestart = unix.Errno(512)

// park waits for a message in the program's place, since left to wait in the
// kernel it would see who sent it. A signal doesn't end such a wait, so that no
// message is lost; here it is looked for.
func (c *call) park(k *socket, take func() outcome) outcome {
	var end time.Time
	if tv, err := unix.GetsockoptTimeval(k.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO); err == nil && tv.Nano() > 0 {
		end = time.Now().Add(time.Duration(tv.Nano()))
	}
	for {
		wait := parkTick
		if !end.IsZero() {
			wait = min(wait, max(time.Until(end), time.Millisecond))
		}
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}}, int(wait.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return fails(err)
		}
		if !c.valid() { // killed; nobody reads the answer
			return fails(unix.EINTR)
		}
		if o := take(); o.errno != unix.EAGAIN {
			return o
		}
		switch {
		case !end.IsZero() && !time.Now().Before(end):
			return fails(unix.EAGAIN)
		case c.signalled() && end.IsZero():
			return outcome{errno: errRestart}
		case c.signalled():
			return fails(unix.EINTR)
		}
	}
}

// signalled reports whether a signal is pending that the thread doesn't block.
func (c *call) signalled() bool {
	s, err := c.status("SigPnd", "ShdPnd", "SigBlk")
	if err != nil {
		return false
	}
	set := func(name string) uint64 {
		v, _ := strconv.ParseUint(s[name], 16, 64) // nothing: none
		return v
	}
	return (set("SigPnd")|set("ShdPnd"))&^set("SigBlk") != 0
}
