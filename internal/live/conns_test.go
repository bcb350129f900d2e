package live_test

import (
	"net/netip"
	"testing"

	"goipvs/hooks"
	"goipvs/internal/control"
)

// TestConns lists a client's connection over the control socket and ends it: its
// server is then not reached by it any more, but by a new one.
func TestConns(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, services("-m"))
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := control.NewClient(conn)
	c, err := dial(t, n.client, "udp", "", hostPort(vip4, "80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := say(c, "0")
	if again := say(c, "0"); again != first {
		t.Fatalf("%q, then %q", first, again)
	}
	mine := &hooks.ConnFilter{Client: netip.MustParsePrefix("198.51.100.2/32"), State: "UDP"}
	var found []hooks.ConnInfo
	if err := client.Conns(mine, 0, func(i *hooks.ConnInfo) error { found = append(found, *i); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].VPort != 80 || found[0].InPkts != 2 || found[0].Service.Port != 80 {
		t.Errorf("%+v", found)
	}
	if gone, kept, err := client.DeleteConns(mine); gone != 1 || kept != 0 || err != nil {
		t.Errorf("%d gone, %d kept, %v", gone, kept, err)
	}
	if next := say(c, "0"); next == first {
		t.Errorf("still answered by %q", next)
	}
}
