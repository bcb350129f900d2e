package machine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/setup"
)

// IPVS is the director beside the machine, as setup commands see it.
type IPVS interface {
	// AddMark takes a rule that sets a mark.
	AddMark(setup.MarkAdd) error
	// Setting sets a setting under net.ipv4.vs.
	Setting(name, value string) error
	// IPVSAdm runs an ipvsadm command; an error says what is wrong with it.
	IPVSAdm(args []string, out io.Writer) error
}

// Machine runs setup commands in the network namespace that it was opened in.
// It is not safe for concurrent use.
type Machine struct {
	ipvs    IPVS
	note    func(string)
	nl      *netlink.Handle
	journal *Journal
	left    []Entry // of an earlier process, not asked for again so far
	alias   map[string]string
	sysctls map[string]*sysctlFile
}

var _ setup.Machine = (*Machine)(nil)

// Open opens the machine, which is the calling thread's network namespace. left
// is what an earlier process left behind. note gets what the user should know.
func Open(j *Journal, left State, v IPVS, note func(string)) (*Machine, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	return &Machine{
		ipvs: v, note: note, nl: h, journal: j, left: left.Entries,
		alias: map[string]string{}, sysctls: map[string]*sysctlFile{},
	}, nil
}

// do does something and keeps in the journal how to undo it. What is there
// already is left, and stays, unless it was left behind.
func (m *Machine) do(e Entry, f func() error) error {
	i := slices.IndexFunc(m.left, e.same)
	if i >= 0 {
		e.Old = m.left[i].Old
		m.left = slices.Delete(m.left, i, i+1)
	}
	n := len(m.journal.Entries)
	m.journal.Entries = append(m.journal.Entries, e)
	if err := m.save(); err != nil {
		return err
	}
	err := f()
	if err == nil || i >= 0 && errors.Is(err, unix.EEXIST) {
		return nil
	}
	m.journal.Entries = m.journal.Entries[:n]
	if errors.Is(err, unix.EEXIST) {
		err = nil
	}
	return errors.Join(err, m.save())
}

// save writes the journal, with what is still to be undone of the earlier
// process.
func (m *Machine) save() error {
	all := *m.journal
	all.Entries = slices.Concat(m.left, m.journal.Entries)
	return all.Save()
}

// UndoLeft undoes what an earlier process left behind and nobody asked for
// again.
func (m *Machine) UndoLeft() error {
	if len(m.left) == 0 {
		return nil
	}
	err := m.undo(m.left)
	m.left = nil
	// With an address, others of its network may go, and routes with those.
	for _, e := range m.journal.Entries {
		var again error
		switch e.Kind {
		case KindAddr:
			again = m.addr(e, m.nl.AddrAdd)
		case KindRoute:
			again = m.route(e, m.nl.RouteAdd)
		}
		if !errors.Is(again, unix.EEXIST) {
			err = errors.Join(err, again)
		}
	}
	return errors.Join(err, m.save())
}

// Close undoes all that was done, and removes the journal.
func (m *Machine) Close() error {
	err := errors.Join(m.undo(m.journal.Entries), m.undo(m.left), m.journal.Remove())
	m.journal.Entries, m.left = nil, nil
	for _, f := range m.sysctls {
		f.Close()
	}
	m.nl.Close()
	return err
}

// undo undoes entries, the last first. What is gone already is no error.
func (m *Machine) undo(all []Entry) error {
	var errs error
	for _, e := range slices.Backward(all) {
		err := m.undoOne(e)
		for _, gone := range []error{unix.ENOENT, unix.ESRCH, unix.EADDRNOTAVAIL, unix.ENODEV} {
			if errors.Is(err, gone) {
				err = nil
			}
		}
		if _, ok := errors.AsType[netlink.LinkNotFoundError](err); err != nil && !ok {
			errs = errors.Join(errs, fmt.Errorf("undo %s %s: %w", e.Kind, e.what(), err))
		}
	}
	return errs
}

// what names an entry in messages.
func (e Entry) what() string {
	return strings.Join(slices.DeleteFunc([]string{e.Addr, e.Via, e.Dev, e.Key}, func(s string) bool { return s == "" }), " ")
}

// AddMark implements setup.Machine.
func (m *Machine) AddMark(c setup.MarkAdd) error { return m.ipvs.AddMark(c) }

// LoadModule implements setup.Machine. What IPVS's modules are for is there
// already, others are not goipvs's to load.
func (m *Machine) LoadModule(c setup.Module) error {
	switch name := strings.ReplaceAll(c.Name, "-", "_"); {
	case name == "ip_vs", name == "dummy", strings.HasPrefix(name, "ip_vs_"):
	default:
		m.note("modprobe " + c.Name + ": left to you")
	}
	return nil
}

// IPVSAdm implements setup.Machine.
func (m *Machine) IPVSAdm(c setup.IPVSAdm, out io.Writer) error { return m.ipvs.IPVSAdm(c.Args, out) }
