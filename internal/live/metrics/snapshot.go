package metrics

import (
	"goipvs/hooks"
	"goipvs/internal/live/queue"
	"goipvs/sched"
)

// Snapshot is what a daemon has counted.
type Snapshot struct {
	Packets   []PacketCount
	Reasons   []hooks.ReasonCount
	Injected  []Injection
	Truncated uint64 // packets dropped because the kernel hands out no more of them
	Limited   uint64 // ICMP errors not sent, for there were too many
	Queues    []Queue
	Conns     int // connections and templates
	Services  []Service
	Omitted   int // servers that are not in Services, because there are too many
}

// PacketCount is how many packets of a hook had a fate: "accept", "change" or
// "drop".
type PacketCount struct {
	Hook, Verdict string
	Packets       uint64
}

// Injection is how many packets were sent again, or made, in a way; and how many
// the kernel refused to send.
type Injection struct {
	By           string
	Sent, Failed uint64
}

// Queue is a queue, as the kernel sees it and as it is served. Without the
// kernel's list of queues State has the number alone.
type Queue struct {
	queue.State
	Known  bool // State is
	Served *queue.Counters
}

// Service is a virtual service.
type Service struct {
	Key     sched.ServiceKey
	Stats   sched.Counters
	Servers []Dest
}

// Dest is a real server of a service.
type Dest struct {
	Key                        sched.DestKey
	Stats                      sched.Counters
	Weight                     int32
	Active, Inactive, Persists int32 // connections
}

// MaxServers is how many servers a Snapshot has at most: their series are what
// a monitoring system has to store.
const MaxServers = 4096

// AddServices adds the services of a table, with no more than MaxServers
// servers.
func (s *Snapshot) AddServices(t *sched.Table) {
	n := 0
	for _, v := range t.Services() {
		x := Service{Key: v.ServiceKey, Servers: make([]Dest, 0, min(v.NumDests(), max(MaxServers-n, 0)))}
		x.Stats, _ = v.Stats.Read()
		for d := v.First(); d != nil; d = v.Next(d) {
			if n++; n > MaxServers {
				s.Omitted++
				continue
			}
			y := Dest{Key: d.DestKey, Weight: d.Weight, Active: d.Active.Load(), Inactive: d.InactiveConns(), Persists: d.Persist.Load()}
			y.Stats, _ = d.Stats.Read()
			x.Servers = append(x.Servers, y)
		}
		s.Services = append(s.Services, x)
	}
}
