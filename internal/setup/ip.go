package setup

import (
	"net/netip"
	"strings"
)

// ip parses what follows `ip`. Objects and verbs may be shortened as ip(8) has
// it: the first of its list that the word begins.
func ip(w *words) Command {
	var v6 *bool
	for strings.HasPrefix(w.peek(), "-") {
		six := w.one("-4", "-6") == "-6"
		v6 = &six
	}
	object := complete(w, "address", "route", "rule", "neighbor", "neighbour", "link")
	if object == "link" {
		return link(w)
	}
	verb := complete(w, "add", "replace")
	if verb == "replace" && object == "rule" {
		w.unknown()
	}
	switch object {
	case "address":
		c := address(w, v6)
		c.Replace = verb == "replace"
		return c
	case "route":
		c := route(w, v6)
		c.Replace = verb == "replace"
		return c
	case "rule":
		return ruleAdd(w, v6 != nil && *v6)
	case "neighbor", "neighbour":
		c := neigh(w, v6)
		c.Replace = verb == "replace"
		return c
	}
	return nil
}

// complete takes a word and returns the first of the words given that it
// begins.
func complete(w *words, of ...string) string {
	s := w.next()
	if w.err != nil {
		return ""
	}
	for _, x := range of {
		if strings.HasPrefix(x, s) {
			return x
		}
	}
	w.unknown()
	return ""
}

func link(w *words) Command {
	if complete(w, "add", "set") == "add" {
		w.skip("name")
		name := w.dev()
		w.one("type")
		return LinkAdd{Name: name, Kind: w.one("dummy")}
	}
	var c LinkSet
	for w.more() {
		switch x := w.next(); x {
		case "address":
			mac := w.mac()
			c.MAC = &mac
		case "mtu":
			c.MTU = int(w.uint(31))
		case "up":
			c.Up = new(true)
		case "down":
			c.Up = new(false)
		default:
			if c.Name != "" {
				w.unknown()
			}
			if x != "dev" {
				w.at--
			}
			c.Name = w.dev()
		}
	}
	if c.Name == "" {
		w.fail(ErrNeed, "dev")
	}
	if c.MAC == nil && c.MTU == 0 && c.Up == nil {
		w.next()
	}
	return c
}

func address(w *words, v6 *bool) AddrAdd {
	w.skip("local")
	c := AddrAdd{Prefix: w.prefix(v6)}
	for w.more() {
		switch w.next() {
		case "dev":
			c.Dev = w.dev()
		case "nodad":
		case "brd", "broadcast":
			w.one("+") // what the kernel takes for one anyway
		case "scope":
			w.one("global")
		case "label":
			w.next()
		default:
			w.unknown()
		}
	}
	if c.Dev == "" {
		w.fail(ErrNeed, "dev")
	}
	return c
}

func route(w *words, v6 *bool) RouteAdd {
	c := RouteAdd{Type: Unicast}
	switch t := RouteType(w.peek()); t {
	case Unicast, Local, Unreachable, Blackhole, Prohibit:
		c.Type = t
		w.next()
	}
	isDefault := w.peek() == "default"
	if isDefault {
		w.next()
	} else {
		c.Prefix = w.prefix(v6)
		six := !c.Prefix.Addr().Is4()
		v6 = &six
	}
	for w.more() {
		switch w.next() {
		case "via":
			c.Via = w.addr(v6)
		case "dev":
			c.Dev = w.dev()
		case "table":
			c.Table = table(w)
		case "metric", "preference":
			w.uint(32) // tells routes to one prefix apart, and there is one only
		case "proto", "protocol":
			w.next() // who set it: a remark
		default:
			w.unknown()
		}
	}
	if isDefault {
		c.Prefix = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if c.Via.Is6() || v6 != nil && *v6 {
			c.Prefix = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	if c.Type == Unicast && !c.Via.IsValid() && c.Dev == "" {
		w.fail(ErrNeed, "via")
	}
	if c.Type == Local && c.Dev == "" {
		w.fail(ErrNeed, "dev")
	}
	return c
}

// table takes a routing table's number or name.
func table(w *words) uint32 {
	switch w.peek() {
	case "default":
		w.next()
		return 253
	case "main":
		w.next()
		return 254
	case "local":
		w.next()
		return 255
	}
	n := uint32(w.uint(32))
	if n == 0 && w.err == nil {
		w.fail(ErrNumber, w.list[w.at-1])
	}
	return n
}

func ruleAdd(w *words, v6 bool) RuleAdd {
	c := RuleAdd{IPv6: v6}
	for w.more() {
		switch w.next() {
		case "from":
			if w.peek() == "all" {
				w.next()
				break
			}
			c.From = w.prefix(&v6)
		case "fwmark":
			c.FwMark = uint32(w.uint(32))
		case "lookup", "table":
			c.Table = table(w)
		default:
			w.unknown()
		}
	}
	if c.Table == 0 {
		w.fail(ErrNeed, "lookup")
	}
	return c
}

func neigh(w *words, v6 *bool) NeighAdd {
	var c NeighAdd
	w.skip("to")
	c.Addr = w.addr(v6)
	seen := false
	for w.more() {
		switch w.next() {
		case "lladdr":
			c.MAC, seen = w.mac(), true
		case "dev":
			c.Dev = w.dev()
		case "nud":
			w.one("permanent")
		default:
			w.unknown()
		}
	}
	if !seen {
		w.fail(ErrNeed, "lladdr")
	}
	if c.Dev == "" {
		w.fail(ErrNeed, "dev")
	}
	return c
}
