package machine

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"goipvs/internal/setup"
)

// vsPrefix begins the names of IPVS's own settings.
const vsPrefix = "net.ipv4.vs."

// Sysctl implements setup.Machine.
func (m *Machine) Sysctl(c setup.Sysctl) error {
	if name, ok := strings.CutPrefix(c.Key, vsPrefix); ok {
		return m.ipvs.Setting(name, c.Value)
	}
	f, err := m.sysctl(c.Key)
	if err != nil {
		return err
	}
	old, err := f.get()
	if err != nil {
		return err
	}
	return m.do(Entry{Kind: KindSysctl, Key: c.Key, Old: old}, func() error { return f.set(c.Value) })
}

func (m *Machine) writeSysctl(key, value string) error {
	f, err := m.sysctl(key)
	if err != nil {
		return err
	}
	return f.set(value)
}

// sysctlFile is a file under /proc/sys. What lies under net there belongs to
// the network namespace of the thread that opens it, so it stays open until it
// is restored.
type sysctlFile struct{ *os.File }

func (m *Machine) sysctl(key string) (*sysctlFile, error) {
	if f := m.sysctls[key]; f != nil {
		return f, nil
	}
	// Dots and slashes change places: net.ipv4.conf.eth0/1.rp_filter.
	name := strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
	f, err := os.OpenFile(filepath.Join("/proc/sys", filepath.Clean("/"+name)), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	m.sysctls[key] = &sysctlFile{f}
	return m.sysctls[key], nil
}

func (f *sysctlFile) get() (string, error) {
	b := make([]byte, 4096)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	return strings.TrimSpace(string(b[:n])), nil
}

func (f *sysctlFile) set(v string) error {
	_, err := f.WriteAt([]byte(v+"\n"), 0)
	return err
}
