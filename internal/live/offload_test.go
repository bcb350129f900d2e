package live

import (
	"strings"
	"testing"

	"goipvs/internal/live/nstest"
)

func TestGROWarning(t *testing.T) {
	ns, other := nstest.New(t), nstest.New(t)
	nstest.Join(t, ns, "eth0", other, "eth0")
	nstest.Join(t, ns, "eth1", other, "eth1")
	check := func(want string) {
		t.Helper()
		ns.Do(t, func() {
			got, err := groWarning()
			if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	check("generic receive offload is off on eth0, eth1: ")
	ns.Offload(t, "eth0")
	check("generic receive offload is off on eth1: ")
	ns.Offload(t, "eth1")
	check("")
}
