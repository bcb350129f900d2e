package live_test

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"goipvs/internal/control"
	"goipvs/internal/top"
)

// What goipvs top shows of a daemon at work.
func TestTop(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, `
ip addr add 203.0.113.10/32 dev lo
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -m -w 3
ipvsadm -A -t 203.0.113.10:81 -s rr
`)
	for range 2 {
		if got := ask(t, n.client, "tcp", vip4+":80", "hello"); got != "s1 hello" {
			t.Fatal(got)
		}
	}
	if c, err := dial(t, n.client, "tcp", "", vip4+":81"); err == nil {
		c.Close()
		t.Error("connected to a service without servers")
	}
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out bytes.Buffer
	if err := top.Print(t.Context(), control.NewClient(conn), &out, 80, top.Options{Every: time.Second, Times: 1}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`2 services, 1 server, 2 conns\n`,
		`\nStates  TCP \w+ [12]\b`,
		`\nTCP 203\.0\.113\.10:80 +rr +[012] +[012] `,
		`\n  10\.1\.0\.11:80 +Masq +3 +[012] +[012] `,
		`\n  no-destination +\d+\n`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("%s is not in\n%s", want, &out)
		}
	}
}
