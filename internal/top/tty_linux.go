package top

import (
	"errors"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// TTY is a terminal that gives its keys one by one while it is open.
type TTY struct {
	in, out *os.File
	was     unix.Termios
	keys    chan string
	done    chan struct{}
	resized chan os.Signal
	wake    *os.File // closing it ends reading
	wg      sync.WaitGroup
}

// IsTTY reports whether a file is a terminal.
func IsTTY(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// OpenTTY switches a terminal over. Close switches it back.
func OpenTTY(in, out *os.File) (*TTY, error) {
	was, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *was
	raw.Lflag &^= unix.ECHO | unix.ICANON // but keys that send signals do so
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, was))
	}
	t := &TTY{in: in, out: out, was: *was, keys: make(chan string), done: make(chan struct{}), resized: make(chan os.Signal, 1), wake: w}
	signal.Notify(t.resized, unix.SIGWINCH)
	t.wg.Go(func() { t.read(r) })
	t.wg.Go(t.watch)
	return t, nil
}

// Close switches the terminal back.
func (t *TTY) Close() error {
	signal.Stop(t.resized)
	close(t.done)
	err := t.wake.Close()
	t.wg.Wait()
	return errors.Join(err, unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, &t.was))
}

// Write implements Terminal.
func (t *TTY) Write(b []byte) (int, error) { return t.out.Write(b) }

// Size implements Terminal.
func (t *TTY) Size() (width, height int) {
	w, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || w.Col == 0 || w.Row == 0 {
		return 80, 24
	}
	return int(w.Col), int(w.Row)
}

// Keys implements Terminal.
func (t *TTY) Keys() <-chan string { return t.keys }

func (t *TTY) send(k string) {
	select {
	case t.keys <- k:
	case <-t.done:
	}
}

func (t *TTY) watch() {
	for {
		select {
		case <-t.resized:
			t.send("resize")
		case <-t.done:
			return
		}
	}
}

// read reads keys until the terminal ends or the other end of wake is closed.
func (t *TTY) read(wake *os.File) {
	defer wake.Close()
	b := make([]byte, 64)
	for {
		p := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || p[1].Revents != 0 {
			return
		}
		n, err := unix.Read(int(t.in.Fd()), b)
		if errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || n == 0 {
			t.send("q") // nobody is there any more
			return
		}
		for _, k := range keys(string(b[:n])) {
			t.send(k)
		}
	}
}
