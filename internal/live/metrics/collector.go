package metrics

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"goipvs/internal/live/queue"
	"goipvs/packet"
	"goipvs/sched"
)

// The labels of a service, and those that a server has besides: node_exporter's
// for the kernel's IPVS.
var (
	serviceLabels = []string{"proto", "local_address", "local_port", "local_mark"}
	serverLabels  = append(serviceLabels[:4:4], "remote_address", "remote_port")
)

// metric is a kind of figure.
type metric struct {
	*prometheus.Desc
	name, kind, help string
	labels           []string
}

var all []metric

func newMetric(kind, name, help string, labels []string) *prometheus.Desc {
	m := metric{prometheus.NewDesc("goipvs_"+name, help, labels, nil), "goipvs_" + name, kind, help, labels}
	all = append(all, m)
	return m.Desc
}

func counter(name, help string, labels ...string) *prometheus.Desc {
	return newMetric("counter", name, help, labels)
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return newMetric("gauge", name, help, labels)
}

func histogram(name, help string, labels ...string) *prometheus.Desc {
	return newMetric("histogram", name, help, labels)
}

// The metrics.
var (
	packets   = counter("packets_total", "Packets taken from the kernel's queues, by hook and by what became of them: accept (went on as it came), change (went on changed), drop (lost, or sent on by injection).", "hook", "verdict")
	verdicts  = counter("verdicts_total", "Decisions of hook functions, by verdict and reason.", "verdict", "reason")
	injected  = counter("injected_packets_total", "Packets that goipvs sent itself, requests on their way and ICMP errors, by the way in which it did.", "by")
	refused   = counter("injection_failures_total", "Packets that the kernel refused to send.", "by")
	truncated = counter("truncated_packets_total", "Packets dropped because they are longer than the kernel hands out.")
	limited   = counter("icmp_errors_limited_total", "ICMP errors that were not sent, for there were too many.")

	waiting = gauge("queue_length_packets", "Packets that wait in a kernel queue.", "queue")
	lost    = counter("queue_dropped_packets_total", "Packets that the kernel dropped from a queue: full (too many were waiting) or unread (they did not fit into the socket's buffer).", "queue", "reason")
	sizes   = histogram("batch_packets", "Packets that were taken from a queue at once.", "queue")
	took    = histogram("batch_duration_seconds", "Time from the receipt of a batch of packets until their verdicts were given.", "queue")

	conns   = gauge("connections", "Connections and persistence templates in the connection table.")
	omitted = gauge("omitted_servers", "Servers without metrics of their own, because there are too many.")

	serviceConns   = counter("service_connections_total", "Connections of a virtual service.", serviceLabels...)
	servicePackets = counter("service_packets_total", "Packets of a virtual service, by direction: in (to the servers) or out.", append(serviceLabels[:4:4], "direction")...)
	serviceBytes   = counter("service_bytes_total", "Octets of a virtual service, IP headers included, by direction.", append(serviceLabels[:4:4], "direction")...)

	serverConns   = counter("server_connections_total", "Connections of a real server.", serverLabels...)
	serverPackets = counter("server_packets_total", "Packets of a real server, by direction: in (to the server) or out.", append(serverLabels[:6:6], "direction")...)
	serverBytes   = counter("server_bytes_total", "Octets of a real server, IP headers included, by direction.", append(serverLabels[:6:6], "direction")...)
	serverOpen    = gauge("server_open_connections", "Connections that a real server has at present: active, inactive, or persistent (templates).", append(serverLabels[:6:6], "state")...)
	serverWeight  = gauge("server_weight", "Weight of a real server.", serverLabels...)
)

// Collector turns snapshots into metrics, one each time it is asked.
type Collector struct {
	read func() *Snapshot
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector. read may be called from many goroutines at
// once.
func NewCollector(read func() *Snapshot) *Collector { return &Collector{read} }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range all {
		ch <- m.Desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := c.read()
	o := output{ch}
	for _, p := range s.Packets {
		o.counter(packets, p.Packets, p.Hook, p.Verdict)
	}
	for _, r := range s.Reasons {
		o.counter(verdicts, r.Packets, strings.ToLower(r.Verdict.String()), string(r.Reason))
	}
	for _, i := range s.Injected {
		o.counter(injected, i.Sent, i.By)
		o.counter(refused, i.Failed, i.By)
	}
	o.counter(truncated, s.Truncated)
	o.counter(limited, s.Limited)
	for i := range s.Queues {
		o.queue(&s.Queues[i])
	}
	o.gauge(conns, float64(s.Conns))
	o.gauge(omitted, float64(s.Omitted))
	for i := range s.Services {
		o.service(&s.Services[i])
	}
}

// output makes metrics.
type output struct{ ch chan<- prometheus.Metric }

func (o output) counter(d *prometheus.Desc, n uint64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (o output) gauge(d *prometheus.Desc, v float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (o output) queue(q *Queue) {
	name := strconv.Itoa(int(q.Number))
	if q.Known {
		o.gauge(waiting, float64(q.Waiting), name)
		o.counter(lost, q.Full, name, "full")
		o.counter(lost, q.Unread, name, "unread")
	}
	if q.Served == nil {
		return
	}
	bySize, n := map[float64]uint64{}, uint64(0)
	for i, most := range queue.BatchBounds {
		n += q.Served.Batches[i].Load()
		bySize[float64(most)] = n
	}
	o.ch <- prometheus.MustNewConstHistogram(sizes, n, float64(q.Served.Packets.Load()), bySize, name)
	byTime, n := map[float64]uint64{}, 0
	for i, most := range queue.TookBounds {
		n += q.Served.Took[i].Load()
		byTime[most.Seconds()] = n
	}
	n += q.Served.Took[len(queue.TookBounds)].Load()
	o.ch <- prometheus.MustNewConstHistogram(took, n, float64(q.Served.Nanos.Load())/1e9, byTime, name)
}

func (o output) service(s *Service) {
	labels := labelsOf(s.Key)
	o.counter(serviceConns, s.Stats.Conns, labels...)
	o.both(servicePackets, s.Stats.InPkts, s.Stats.OutPkts, labels)
	o.both(serviceBytes, s.Stats.InBytes, s.Stats.OutBytes, labels)
	for i := range s.Servers {
		d := &s.Servers[i]
		labels := append(labels[:4:4], d.Key.Addr.Netip(d.Key.Family).String(), strconv.Itoa(int(d.Key.Port)))
		o.counter(serverConns, d.Stats.Conns, labels...)
		o.both(serverPackets, d.Stats.InPkts, d.Stats.OutPkts, labels)
		o.both(serverBytes, d.Stats.InBytes, d.Stats.OutBytes, labels)
		o.gauge(serverOpen, float64(d.Active), append(labels[:6:6], "active")...)
		o.gauge(serverOpen, float64(d.Inactive), append(labels[:6:6], "inactive")...)
		o.gauge(serverOpen, float64(d.Persists), append(labels[:6:6], "persistent")...)
		o.gauge(serverWeight, float64(d.Weight), labels...)
	}
}

// both makes a counter for each direction.
func (o output) both(d *prometheus.Desc, in, out uint64, labels []string) {
	o.counter(d, in, append(labels[:len(labels):len(labels)], "in")...)
	o.counter(d, out, append(labels[:len(labels):len(labels)], "out")...)
}

// labelsOf returns the values of serviceLabels. A service is an address or a
// mark.
func labelsOf(k sched.ServiceKey) []string {
	if k.FWMark != 0 {
		proto := "FWM"
		if k.Family == packet.IPv6 {
			proto = "FWM6"
		}
		return []string{proto, "", "0", strconv.Itoa(int(k.FWMark))}
	}
	return []string{packet.ProtoName(k.Protocol), k.Addr.Netip(k.Family).String(), strconv.Itoa(int(k.Port)), ""}
}
