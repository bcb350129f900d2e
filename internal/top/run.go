package top

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Options are how Run shows a daemon.
type Options struct {
	Every time.Duration // between samples
	Times int           // samples to show; 0: until told to end
	Order Order
}

// Terminal is where it is shown and where keys come from.
type Terminal interface {
	io.Writer
	// Size returns columns and lines.
	Size() (width, height int)
	// Keys gives what is typed, a key each: a character, or "up", "down",
	// "pageup", "pagedown", and "resize" when the size changes. It is closed
	// where no more can come.
	Keys() <-chan string
}

// Print writes one sample after the other, as text of a width, with an empty
// line between.
func Print(ctx context.Context, s Source, w io.Writer, width int, o Options) error {
	v := view{order: o.Order, width: width}
	var old *Sample
	for i := 0; o.Times == 0 || i < o.Times; i++ {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(o.Every):
			}
			fmt.Fprintln(w)
		}
		now, err := take(s, time.Now())
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, strings.Join(v.render(now, old), "\n")+"\n"); err != nil {
			return err
		}
		old = now
	}
	return nil
}

// The control sequences that are used (ECMA-48, and xterm's other screen).
const (
	enter   = "\x1b[?1049h\x1b[?25l" // the other screen, without cursor
	leave   = "\x1b[?25h\x1b[?1049l"
	home    = "\x1b[H"
	toEnd   = "\x1b[K" // clears the rest of a line
	below   = "\x1b[J" // and of the screen
	reverse = "\x1b[7m"
	plain   = "\x1b[0m"
)

// Run shows samples in a terminal until ctx is done, the user has enough, or
// the daemon doesn't answer any more.
func Run(ctx context.Context, s Source, t Terminal, o Options) (err error) {
	fmt.Fprint(t, enter)
	defer fmt.Fprint(t, leave)
	v := view{order: o.Order, every: o.Every.String()}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	keys := t.Keys()
	now, err := take(s, time.Now())
	if err != nil {
		return err
	}
	var old *Sample
	for n := 1; ; {
		if err := v.draw(t, now, old); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case k, ok := <-keys:
			if !ok {
				return nil
			}
			if k == "q" {
				return nil
			}
			v.key(k)
		case at := <-tick.C:
			if n++; o.Times > 0 && n > o.Times {
				return nil
			}
			old = now
			if now, err = take(s, at); err != nil {
				return err
			}
		}
	}
}

// key does what a key says.
func (v *view) key(k string) {
	page := max(v.height-10, 1)
	switch k {
	case "s":
		v.order = (v.order + 1) % orders
	case "up", "k":
		v.scroll--
	case "down", "j":
		v.scroll++
	case "pageup":
		v.scroll -= page
	case "pagedown", " ":
		v.scroll += page
	}
}

// draw draws the screen over.
func (v *view) draw(t Terminal, now, old *Sample) error {
	v.width, v.height = t.Size()
	var b strings.Builder
	b.WriteString(home)
	// Cleared before it is written: at the end of a full line the cursor is
	// still on its last character.
	lines := v.render(now, old)
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if r := []rune(l); len(r) > v.width {
			l = string(r[:v.width])
		}
		if strings.HasPrefix(l, tableHead) {
			l = reverse + l + plain
		}
		b.WriteString(toEnd + l)
	}
	if len(lines) < v.height {
		b.WriteString("\r\n" + below)
	}
	_, err := io.WriteString(t, b.String())
	return err
}
