package setup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// maxLine is the length a line may have, in octets.
const maxLine = 64 << 10

// MaxTime is the latest time that a timeline can name.
const MaxTime = 100 * 365 * 24 * time.Hour

// Parse reads a setup file. Blank lines and comments are passed over. Errors
// are *Error, or what reading returns.
func Parse(file string, r io.Reader) ([]Line, error) {
	return lines(file, r, func(w *words) Line { return Line{Command: command(w)} })
}

// ParseTimeline reads a timeline: lines `at SECONDS COMMAND`, in order of time.
func ParseTimeline(file string, r io.Reader) ([]Line, error) {
	var last time.Duration
	return lines(file, r, func(w *words) Line {
		w.one("at")
		at := w.seconds()
		if w.err == nil && at < last {
			w.fail(ErrOrder, w.list[w.at-1])
		}
		last = at
		return Line{At: at, Command: command(w)}
	})
}

// seconds takes a time in seconds.
func (w *words) seconds() time.Duration {
	s := w.next()
	if w.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > MaxTime.Seconds() {
		w.fail(ErrNumber, s)
		return 0
	}
	return time.Duration(math.Round(f * 1e9))
}

func lines(file string, r io.Reader, parse func(*words) Line) ([]Line, error) {
	var all []Line
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	n := 0
	for sc.Scan() {
		n++
		list := strings.Fields(sc.Text())
		for i, x := range list {
			if x[0] == '#' {
				list = list[:i]
				break
			}
		}
		if len(list) == 0 {
			continue
		}
		pos := Position{file, n}
		w := &words{list: list}
		for _, x := range list {
			if strings.ContainsAny(x, "\"'`$|&;<>(){}\\*?") {
				w.fail(ErrShell, x)
			}
		}
		var l Line
		if w.err == nil {
			l = parse(w)
		}
		if w.err != nil {
			return nil, &Error{pos, w.word, w.err}
		}
		l.Position = pos
		l.Text = strings.Join(list, " ")
		if list[0] == "at" {
			l.Text = strings.Join(list[2:], " ")
		}
		all = append(all, l)
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, &Error{Position{file, n + 1}, "", fmt.Errorf("longer than %d octets", maxLine)}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// command parses one command, to the end of its line.
func command(w *words) Command {
	name := w.next()
	if w.err != nil {
		return nil
	}
	if strings.HasPrefix(name, "-") {
		w.at--
		return rule(w)
	}
	var c Command
	switch path.Base(name) {
	case "ip":
		c = ip(w)
	case "sysctl":
		c = sysctl(w)
	case "modprobe":
		c = Module{Name: w.next()}
	case "iptables":
		c = iptables(w, false)
	case "ip6tables":
		c = iptables(w, true)
	case "ipvsadm":
		return ipvsadm(w)
	default:
		w.unknown()
	}
	w.end()
	return c
}

// sysctl parses what follows `sysctl`.
func sysctl(w *words) Command {
	for w.peek() == "-w" || w.peek() == "-q" || w.peek() == "-qw" {
		w.next()
	}
	s := w.next()
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" || v == "" {
		w.unknown()
		return nil
	}
	if i := strings.IndexAny(k, "./"); i >= 0 && k[i] == '/' {
		k = strings.NewReplacer("/", ".", ".", "/").Replace(k) // as sysctl(8): the first separator tells which it is
	}
	return Sysctl{k, v}
}

// ipvsadm takes the rest of the line as ipvsadm's arguments, which ipvsadm
// itself judges. Restoring from standard input has none to read here.
func ipvsadm(w *words) Command {
	if w.next() == "-R" || w.err == nil && w.list[w.at-1] == "--restore" {
		w.unknown()
		return nil
	}
	c := IPVSAdm{Args: w.list[w.at-1:]}
	w.at = len(w.list)
	return c
}

// rule parses a rule alone, as ipvsadm-save prints it.
func rule(w *words) Command {
	switch w.peek() {
	case "-A", "-E", "-D", "-C", "-a", "-e", "-d", "-Z",
		"--add-service", "--edit-service", "--delete-service", "--clear",
		"--add-server", "--edit-server", "--delete-server", "--zero", "--set":
		return ipvsadm(w)
	}
	w.next()
	w.unknown()
	return nil
}
