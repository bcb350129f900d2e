package setup

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// What can be wrong with a word.
var (
	ErrUnknown = errors.New("unknown word")
	ErrMissing = errors.New("missing word after")
	ErrShell   = errors.New("shell syntax in word")
	ErrAddress = errors.New("not an address")
	ErrFamily  = errors.New("address of the other family")
	ErrMAC     = errors.New("not an Ethernet address")
	ErrNumber  = errors.New("not a number in range")
	ErrDevice  = errors.New("not an interface's name")
	ErrOrder   = errors.New("time before the last one")
	ErrNeed    = errors.New("missing word")
	ErrRule    = errors.New("of firewall rules only marks in table mangle, chain PREROUTING are known, not")
)

// words is a cursor over the words of a line. The first error sticks; from then
// on every method returns zero values and more reports false, so that parsers
// check once, at the end.
type words struct {
	list []string
	at   int
	err  error  // the first error
	word string // the word it is about
}

func (w *words) fail(err error, word string) {
	if w.err == nil {
		w.err, w.word = err, word
	}
}

// more reports whether there is another word.
func (w *words) more() bool { return w.err == nil && w.at < len(w.list) }

// peek returns the next word without taking it, or "".
func (w *words) peek() string {
	if !w.more() {
		return ""
	}
	return w.list[w.at]
}

// next takes a word, which must be there.
func (w *words) next() string {
	if w.err != nil {
		return ""
	}
	if w.at == len(w.list) {
		last := ""
		if w.at > 0 {
			last = w.list[w.at-1]
		}
		w.fail(ErrMissing, last)
		return ""
	}
	w.at++
	return w.list[w.at-1]
}

// unknown says that the word just taken is none that can stand there.
func (w *words) unknown() {
	if w.err == nil {
		w.fail(ErrUnknown, w.list[w.at-1])
	}
}

// one takes a word that must be among those given.
func (w *words) one(of ...string) string {
	got := w.next()
	if slices.Contains(of, got) {
		return got
	}
	w.unknown()
	return ""
}

// skip takes the next word if it is the one given.
func (w *words) skip(word string) {
	if w.more() && w.list[w.at] == word {
		w.at++
	}
}

// end says that no words are left.
func (w *words) end() {
	if w.more() {
		w.next()
		w.unknown()
	}
}

// uint takes a number, in hex with 0x.
func (w *words) uint(bits int) uint64 {
	s := w.next()
	if w.err != nil {
		return 0
	}
	v, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		w.fail(ErrNumber, s)
	}
	return v
}

// addr takes an address of the family (nil: either).
func (w *words) addr(v6 *bool) netip.Addr {
	s := w.next()
	if w.err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		w.fail(ErrAddress, s)
		return netip.Addr{}
	}
	if v6 != nil && a.Is4() == *v6 {
		w.fail(ErrFamily, s)
	}
	return a
}

// prefix takes ADDR/LEN, or ADDR alone for a prefix of full length.
func (w *words) prefix(v6 *bool) netip.Prefix {
	if s := w.peek(); !strings.Contains(s, "/") {
		a := w.addr(v6)
		if w.err != nil {
			return netip.Prefix{}
		}
		return netip.PrefixFrom(a, a.BitLen())
	}
	s := w.next()
	p, err := netip.ParsePrefix(s)
	if err != nil {
		w.fail(ErrAddress, s)
		return netip.Prefix{}
	}
	if v6 != nil && p.Addr().Is4() == *v6 {
		w.fail(ErrFamily, s)
	}
	return p
}

// mac takes an Ethernet address.
func (w *words) mac() (mac [6]byte) {
	s := w.next()
	if w.err != nil {
		return mac
	}
	b, err := net.ParseMAC(s)
	if err != nil || len(b) != 6 || !strings.Contains(s, ":") {
		w.fail(ErrMAC, s)
		return mac
	}
	return [6]byte(b)
}

// dev takes an interface's name, of at most 15 octets and without the letters
// that the kernel refuses in one.
//
// Kernel: net/core/dev.c, dev_valid_name (6.1).
func (w *words) dev() string {
	s := w.next()
	if w.err == nil && (len(s) > 15 || s == "." || s == ".." || strings.ContainsAny(s, "/:")) {
		w.fail(ErrDevice, s)
	}
	return s
}
