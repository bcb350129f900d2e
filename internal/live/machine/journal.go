package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is what kind of thing was done.
type Kind string

// The kinds.
const (
	KindLink   Kind = "link"   // made
	KindMTU    Kind = "mtu"    // set, was Old
	KindMAC    Kind = "mac"    // set, was Old
	KindUp     Kind = "up"     // set up; was down
	KindDown   Kind = "down"   // set down; was up
	KindAddr   Kind = "addr"   // added
	KindRoute  Kind = "route"  // added
	KindRule   Kind = "rule"   // added
	KindNeigh  Kind = "neigh"  // added
	KindSysctl Kind = "sysctl" // set, was Old
)

// Entry is something that was done and is to be undone.
type Entry struct {
	Kind  Kind
	Dev   string `json:",omitempty"` // the interface
	Addr  string `json:",omitempty"` // address or prefix
	Via   string `json:",omitempty"`
	Type  string `json:",omitempty"` // of a route
	Table uint32 `json:",omitempty"`
	Mark  uint32 `json:",omitempty"`
	IPv6  bool   `json:",omitempty"`
	Key   string `json:",omitempty"` // of a sysctl
	Old   string `json:",omitempty"` // what it was before
}

// same reports whether e and o are the same thing done, whatever was before.
func (e Entry) same(o Entry) bool {
	e.Old, o.Old = "", ""
	return e == o
}

// State is what has to outlive a process that is killed.
type State struct {
	Boot    string // this boot of the machine,
	NetNS   string // and this network namespace, is what it is about
	Queue   uint16 // the first queue that the rules name,
	Queues  int    // and how many
	Entries []Entry
}

// Journal is a State in a file.
type Journal struct {
	State
	path string
}

// OpenJournal returns the journal to write and the state that an earlier
// process left at path, which is zero where it left none, or one about another
// namespace or boot. With the path "" nothing is kept.
func OpenJournal(path string) (*Journal, State, error) {
	here, err := whereabouts()
	if err != nil {
		return nil, State{}, err
	}
	j := &Journal{State: here, path: path}
	if path == "" {
		return j, here, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, here, nil
	} else if err != nil {
		return nil, State{}, err
	}
	var left State
	if err := json.Unmarshal(b, &left); err != nil {
		return nil, State{}, fmt.Errorf("%s: %w", path, err)
	}
	if left.Boot != here.Boot || left.NetNS != here.NetNS {
		return j, here, nil
	}
	return j, left, nil
}

// whereabouts returns an empty state about here and now.
func whereabouts() (State, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return State{}, err
	}
	var st unix.Stat_t
	const ns = "/proc/thread-self/ns/net"
	if err := unix.Stat(ns, &st); err != nil {
		return State{}, fmt.Errorf("%s: %w", ns, err)
	}
	return State{Boot: strings.TrimSpace(string(boot)), NetNS: fmt.Sprintf("%d:%d", st.Dev, st.Ino)}, nil
}

// Save writes the journal, so that it is there whole or not at all.
func (j *Journal) Save() error {
	if j.path == "" {
		return nil
	}
	b, err := json.MarshalIndent(&j.State, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Remove removes the file.
func (j *Journal) Remove() error {
	if j.path == "" {
		return nil
	}
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
