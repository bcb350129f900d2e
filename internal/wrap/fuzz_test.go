package wrap

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever path a program names, what it is given lies in the tree of its files.
func FuzzResolve(f *testing.F) {
	for _, s := range []string{
		"/proc/net/ip_vs", "/proc/self/net/ip_vs_conn", "/proc/thread-self/net/ip_vs_app", "/proc/1/task/2/net/ip_vs_stats",
		"/proc/sys/net/ipv4/vs", "/proc/sys/net/ipv4/vs/../vs/conntrack", "/proc/sys/net/ipv4/vs/../../../../etc/passwd",
		"/proc/sys/net/ipv4/vsx", "/proc//net/./ip_vs", "/proc/net/ip_vs/", "/proc/../proc/net/ip_vs",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c := &call{notification: notification{tid: 1}}
		x := c.resolve(name)
		if x == nil {
			return
		}
		if x.name != path.Clean(x.name) || !strings.HasPrefix(x.name, "net/ip_vs") && x.name != "vs" && !strings.HasPrefix(x.name, "vs/") {
			t.Errorf("%q leads to %q", name, x.name)
		}
		if !strings.HasPrefix(x.whose, "/proc/") || !strings.HasSuffix(x.whose, "/ns/net") || x.whose != path.Clean(x.whose) {
			t.Errorf("%q is of %q", name, x.whose)
		}
	})
}

// Control messages keep their length, and none shows whose process we are.
func FuzzAnonymise(f *testing.F) {
	cred := unix.UnixCredentials(&unix.Ucred{Pid: 7, Uid: 8, Gid: 9})
	f.Add(cred)
	f.Add(append(bytes.Clone(unix.UnixRights(3)), cred...))
	f.Add(cred[:20])
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := bytes.Clone(b)
		anonymise(got)
		ms, err := unix.ParseSocketControlMessage(got)
		if err != nil {
			return
		}
		for _, m := range ms {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_CREDENTIALS && len(m.Data) >= ucredSize && !bytes.Equal(m.Data[:ucredSize], make([]byte, ucredSize)) {
				t.Errorf("%x: credentials %x", b, m.Data)
			}
		}
	})
}
