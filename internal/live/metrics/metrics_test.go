package metrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"goipvs/hooks"
	"goipvs/internal/live/queue"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// example is what a daemon may have counted.
func example() *Snapshot {
	served := &queue.Counters{}
	served.Packets.Store(70)
	served.Batches[0].Store(2)
	served.Batches[2].Store(1)
	served.Batches[6].Store(1)
	served.Took[1].Store(3)
	served.Took[len(queue.TookBounds)].Store(1)
	served.Nanos.Store(1500000000)
	return &Snapshot{
		Packets: []PacketCount{{"local_in", "drop", 5}, {"forward", "change", 6}},
		Reasons: []hooks.ReasonCount{
			{Verdict: xmit.Accept, Reason: hooks.ReasonNoService, Packets: 1},
			{Verdict: xmit.Stolen, Reason: hooks.ReasonRequest, Packets: 7},
		},
		Injected:  []Injection{{"raw", 8, 1}},
		Truncated: 2, Limited: 3, Conns: 12, Omitted: 1,
		Queues: []Queue{
			{State: queue.State{Loss: queue.Loss{Full: 4, Unread: 5}, Number: 7000, Waiting: 6}, Known: true, Served: served},
			{State: queue.State{Number: 7001}},
		},
		Services: []Service{
			{
				Key:   sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packet.Addr{203, 0, 113, 10}, Port: 80},
				Stats: sched.Counters{Conns: 1, InPkts: 2, OutPkts: 3, InBytes: 4, OutBytes: 5},
				Servers: []Dest{{
					Key:   sched.DestKey{Family: packet.IPv4, Addr: packet.Addr{10, 1, 0, 11}, Port: 8080},
					Stats: sched.Counters{Conns: 6, InPkts: 7, OutPkts: 8, InBytes: 9, OutBytes: 10}, Weight: 3, Active: 1, Inactive: 2, Persists: 4,
				}},
			},
			{Key: sched.ServiceKey{Family: packet.IPv6, FWMark: 9}},
		},
	}
}

func TestText(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(NewCollector(example)); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	packettest.Golden(t, "metrics", w.Body.String())
}

// Names and help texts are as Prometheus wants them.
func TestLint(t *testing.T) {
	problems, err := testutil.CollectAndLint(NewCollector(example))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Every metric stands in the documentation, as it is.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, n := string(b), 0
	for _, m := range all {
		labels := strings.Join(m.labels, ", ")
		line := fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
		if !strings.Contains(doc, line) {
			t.Errorf("docs/metrics.md lacks\n%s", line)
		}
	}
	for l := range strings.Lines(doc) {
		if strings.HasPrefix(l, "| `goipvs_") {
			n++
		}
	}
	if n != len(all) {
		t.Errorf("docs/metrics.md has %d metrics, there are %d", n, len(all))
	}
}

// A director with very many servers doesn't drown who watches it.
func TestServersAreBounded(t *testing.T) {
	table := sched.NewTable()
	key := sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packet.Addr{203, 0, 113, 10}, Port: 80}
	if _, err := table.AddService(sched.ServiceConfig{ServiceKey: key, Scheduler: "rr"}); err != nil {
		t.Fatal(err)
	}
	for i := range MaxServers + 3 {
		d := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packet.Addr{10, 1, byte(i >> 8), byte(i)}, Port: 80}}
		if err := table.AddDest(key, d); err != nil {
			t.Fatal(err)
		}
	}
	var s Snapshot
	s.AddServices(table)
	if len(s.Services) != 1 || len(s.Services[0].Servers) != MaxServers || s.Omitted != 3 {
		t.Errorf("%d servers, %d omitted", len(s.Services[0].Servers), s.Omitted)
	}
}

func TestServer(t *testing.T) {
	s, err := Listen("127.0.0.1:0", NewCollector(example))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Serve() }()
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]struct {
		code int
		text string
	}{
		Path: {200, "\ngoipvs_connections 12\n"},
		"/":  {404, "not found"},
	} {
		r, err := c.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != want.code || !strings.Contains(string(b), want.text) {
			t.Errorf("%s: %d, %v: %s", path, r.StatusCode, err, b)
		}
		if path == Path && !strings.Contains(string(b), "\ngo_sched_pauses_total_gc_seconds_count ") {
			t.Error("no pauses of the collector")
		}
	}
	if _, err := Listen(s.Addr(), nil); err == nil {
		t.Error("two servers at one address")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCheckAddr(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:9100": true, "[::1]:9100": true, "localhost:http": true, "0.0.0.0:1": true,
		"": false, "9100": false, ":9100": false, "127.0.0.1": false, "127.0.0.1:": false, "::1:9100": false,
	} {
		if err := CheckAddr(addr); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
	}
}
