package live_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goipvs/internal/live"
	"goipvs/internal/live/nstest"
)

// scrape returns the metrics that a daemon shows on a host.
func scrape(t *testing.T, ns *nstest.NS, addr string) string {
	t.Helper()
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, to string) (net.Conn, error) {
			return dial(t, ns, network, "", to)
		},
	}}
	r, err := c.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", r.Status, err, b)
	}
	return string(b)
}

// value returns the value of a metric with its labels, -1 where there is none.
func value(t *testing.T, text, name string) float64 {
	t.Helper()
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Error(err)
			}
			return v
		}
	}
	return -1
}

func TestMetrics(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	const addr = "127.0.0.1:9100"
	d, err := tryRun(t, n.director, live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Queue: live.DefaultQueue, Queues: 2, Metrics: addr}, `
ip addr add 203.0.113.10/32 dev lo
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -m -w 3
`)
	if err != nil {
		t.Fatal(err)
	}
	before := scrape(t, n.director, addr)
	const server = `{local_address="203.0.113.10",local_mark="",local_port="80",proto="TCP",remote_address="10.1.0.11",remote_port="80"}`
	for name, want := range map[string]float64{
		`goipvs_connections`: 0,
		`goipvs_packets_total{hook="local_in",verdict="drop"}`:           0,
		`goipvs_server_weight` + server:                                  3,
		`goipvs_queue_length_packets{queue="7001"}`:                      0,
		`goipvs_queue_dropped_packets_total{queue="7000",reason="full"}`: 0,
		`goipvs_batch_packets_count{queue="7000"}`:                       0,
	} {
		if got := value(t, before, name); got != want {
			t.Errorf("before: %s is %v, want %v", name, got, want)
		}
	}
	for range 3 {
		if got := ask(t, n.client, "tcp", vip4+":80", "hello"); got != "s1 hello" {
			t.Fatal(got)
		}
	}
	// Connections' ends may still be on their way.
	var wrong string
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if wrong = inconsistent(t, scrape(t, n.director, addr)); wrong == "" || time.Now().After(end) {
			break
		}
	}
	if wrong != "" {
		t.Error(wrong)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	n.director.Do(t, func() {
		if l, err := net.Listen("tcp", addr); err != nil {
			t.Errorf("after the end: %v", err)
		} else {
			l.Close()
		}
	})
}

// inconsistent says what doesn't fit together in the metrics after three
// connections.
func inconsistent(t *testing.T, text string) string {
	at := func(name string) float64 { return value(t, text, name) }
	requests := at(`goipvs_verdicts_total{reason="request",verdict="stolen"}`)
	replies := at(`goipvs_verdicts_total{reason="reply",verdict="accept"}`)
	var batched, batches, timed float64
	for _, q := range []string{"7000", "7001"} {
		batched += at(`goipvs_batch_packets_sum{queue="` + q + `"}`)
		batches += at(`goipvs_batch_packets_count{queue="` + q + `"}`)
		timed += at(`goipvs_batch_duration_seconds_count{queue="` + q + `"}`)
	}
	for name, ok := range map[string]bool{
		"connections":        at("goipvs_connections") == 3,
		"requests":           requests >= 9,
		"dropped originals":  at(`goipvs_packets_total{hook="local_in",verdict="drop"}`) == requests,
		"injections":         at(`goipvs_injected_packets_total{by="raw"}`)+at(`goipvs_injected_packets_total{by="packet"}`) == requests,
		"replies":            replies >= 6,
		"changed replies":    at(`goipvs_packets_total{hook="forward",verdict="change"}`) == replies,
		"packets in batches": batched >= requests+replies,
		"batches":            batches <= batched && batches == timed,
	} {
		if !ok {
			return name + " in\n" + text
		}
	}
	return ""
}

// An address that isn't this host's is an error, and nothing stays behind.
func TestMetricsAddress(t *testing.T) {
	ns := nstest.New(t)
	_, err := tryRun(t, ns, live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Metrics: "192.0.2.77:9100"}, "")
	if err == nil || !strings.Contains(err.Error(), "192.0.2.77:9100") {
		t.Errorf("error %v", err)
	}
}
