package fuzzer

import (
	"slices"
	"strings"
)

// editTable is what changes of a director there are while traffic passes. A
// method reports the command, or "" when there is nothing to change.
var editTable = []choice[func(*director) string]{
	{10, (*director).editWeight, Edits},
	{6, (*director).removeServer, Edits},
	{8, (*director).newServerLater, Edits},
	{3, (*director).editThresholds, Edits | Thresholds},
	{2, (*director).editMethod, Edits | EditMethod},
	{4, (*director).editService, Edits},
	{2, (*director).removeService, Edits},
	{3, (*director).restoreService, Edits},
	{1, func(*director) string { return "ipvsadm -C" }, Edits},
	{2, (*director).setTimeouts, Edits},
	{2, (*director).refused, Edits},
	{3, (*director).editSetting, Edits | Settings},
	{4, func(*director) string { return "ipvsadm -Lnc" }, Listings},
	{4, func(*director) string { return "ipvsadm -Ln" }, Listings},
	{1, func(*director) string { return "ipvsadm -Ln --thresholds" }, Listings},
	{1, func(*director) string { return "ipvsadm -Ln --persistent-conn" }, Listings},
	{1, func(*director) string { return "ipvsadm -Lnc --persistent-conn" }, Listings | SIP},
	{1, func(*director) string { return "ipvsadm -L --timeout" }, Listings},
}

// edit draws a command of the timeline. It changes the director's own notion of
// its services, so that later ones fit.
func (d *director) edit() string {
	for range 10 {
		if line := choose(d.dice, d.feat, editTable); line != nil {
			if s := line(d); s != "" {
				return s
			}
		}
	}
	return ""
}

func (d *director) someServer() (*service, *server) {
	s := pick(d.dice, d.services)
	if len(s.servers) == 0 {
		return s, nil
	}
	return s, &s.servers[d.IntN(len(s.servers))]
}

func (d *director) editWeight() string {
	s, r := d.someServer()
	if r == nil {
		return ""
	}
	r.weight = pick(d.dice, []int{0, 0, 1, 1, 2, 3, 5, 7, 50})
	return "ipvsadm -e " + s.id() + " -r " + r.options()
}

func (d *director) editThresholds() string {
	s, r := d.someServer()
	if r == nil {
		return ""
	}
	d.thresholds(r)
	return "ipvsadm -e " + s.id() + " -r " + r.options()
}

func (d *director) editMethod() string {
	s, r := d.someServer()
	if r == nil || r.port != s.port || familyOf(r.addr) != s.family() {
		return ""
	}
	r.method = choose(d.dice, d.feat, methods)
	if strings.Contains(r.method, "gue") {
		d.gue = guePort
	}
	return "ipvsadm -e " + s.id() + " -r " + r.options()
}

func (d *director) removeServer() string {
	s, r := d.someServer()
	if r == nil {
		return ""
	}
	line := "ipvsadm -d " + s.id() + " -r " + hostPort(r.addr, r.port)
	gone := *r
	s.servers = slices.DeleteFunc(s.servers, func(x server) bool { return x == gone })
	return line
}

// newServerLater adds a server; one that was deleted before may come back.
func (d *director) newServerLater() string {
	s := pick(d.dice, d.services)
	r := d.newServer(s)
	if r == nil {
		return ""
	}
	s.servers = append(s.servers, *r)
	return "ipvsadm -a " + s.id() + " -r " + r.options()
}

func (d *director) editService() string {
	s := pick(d.dice, d.services)
	switch {
	case d.in(50):
		d.schedule(s)
	case s.sip || s.port == 0 && s.proto != 0:
		return ""
	case s.persist > 0:
		s.persist, s.mask = 0, ""
	case d.feat.has(Persist):
		s.persist = 60
		if d.expiry {
			s.persist = d.between(3, 4)
		}
	}
	return "ipvsadm -E " + s.options()
}

// removeService deletes a service; traffic for it goes on.
func (d *director) removeService() string {
	s := pick(d.dice, d.services)
	s.servers = nil
	return "ipvsadm -D " + s.id()
}

// restoreService adds a service that may have been deleted before, or not: the
// command fails, then.
func (d *director) restoreService() string {
	s := pick(d.dice, d.services)
	if len(s.servers) > 0 && !d.in(10) {
		return ""
	}
	return "ipvsadm -A " + s.options()
}

// refused returns a command that should fail and change nothing.
func (d *director) refused() string {
	s := pick(d.dice, d.services)
	r := server{addr: realServer(s.family(), 1), port: s.port, method: "-m", weight: 1}
	switch d.IntN(4) {
	case 0:
		return "ipvsadm -A " + s.options()
	case 1:
		r.port = 77
		return "ipvsadm -e " + s.id() + " -r " + r.options()
	case 2:
		r.port, r.upper, r.lower = 78, 2, 5
		return "ipvsadm -a " + s.id() + " -r " + r.options()
	}
	return "ipvsadm -d " + s.id() + " -r " + hostPort(r.addr, 79)
}

func (d *director) setTimeouts() string {
	if d.expiry {
		return "ipvsadm --set " + itoa(d.between(3, 4)) + " " + itoa(d.between(0, 1)*3) + " " + itoa(d.between(3, 4))
	}
	return "ipvsadm --set " + itoa(d.between(100, 900)) + " " + itoa(d.between(100, 200)) + " " + itoa(d.between(100, 400))
}

func (d *director) editSetting() string {
	s := choose(d.dice, d.feat, settingTable)
	if s.name == "run_estimation" || s.name == "conntrack" {
		return ""
	}
	return "sysctl -w net.ipv4.vs." + s.name + "=" + pick(d.dice, append(s.values, "0"))
}
