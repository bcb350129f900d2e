package conns

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// Head is the first line of a listing as text.
const Head = "Pro State       Age      Idle     Expires  Packets  Client                   Virtual                  Server                   Service\n"

// Text writes a connection as a line of a listing. A template is marked by an
// asterisk behind its state, a deleted server by one behind its address.
func Text(w io.Writer, i *hooks.ConnInfo) error {
	state, server := i.State, endpoint(i.DestFamily, i.Dest, i.DPort)
	if i.Template {
		state += "*"
	}
	if i.Gone {
		server += "*"
	}
	_, err := fmt.Fprintf(w, "%-3s %-11s %-8s %-8s %-8s %-8d %-24s %-24s %-24s %s\n",
		packet.ProtoName(i.Protocol), state, clock(i.Age), clock(i.Idle()), clock(i.Expires), i.InPkts,
		endpoint(i.Family, i.Client, i.CPort), endpoint(i.Family, i.Virtual, i.VPort), server, serviceName(i.Service))
	return err
}

func serviceName(k sched.ServiceKey) string {
	if k == (sched.ServiceKey{}) {
		return "-"
	}
	return k.String()
}

func endpoint(f packet.Family, a packet.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(f), port).String()
}

// clock prints a time in whole seconds: 7s, 12m07s, 3h12m, 4d03h.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// object is a connection as JSON. Times are seconds.
type object struct {
	Protocol string  `json:"protocol"`
	State    string  `json:"state"`
	Client   string  `json:"client"`
	Virtual  string  `json:"virtual"`
	Server   string  `json:"server"`
	Service  string  `json:"service,omitempty"`
	Forward  string  `json:"forward"`
	Age      float64 `json:"age"`
	Idle     float64 `json:"idle"`
	Expires  float64 `json:"expires"`
	Timeout  float64 `json:"timeout"`
	Packets  uint32  `json:"packets"`
	Template bool    `json:"template,omitempty"`
	Gone     bool    `json:"gone,omitempty"`
	Controls int32   `json:"controls,omitempty"`
	PE       string  `json:"pe,omitempty"`
	PEData   string  `json:"pe_data,omitempty"`
}

// JSON writes a connection as a JSON object in a line of its own.
func JSON(w io.Writer, i *hooks.ConnInfo) error {
	o := object{
		Protocol: packet.ProtoName(i.Protocol), State: i.State,
		Client: endpoint(i.Family, i.Client, i.CPort), Virtual: endpoint(i.Family, i.Virtual, i.VPort),
		Server:  endpoint(i.DestFamily, i.Dest, i.DPort),
		Forward: sched.Forward(i.Flags & 7).String(),
		Age:     i.Age.Seconds(), Idle: i.Idle().Seconds(), Expires: i.Expires.Seconds(), Timeout: i.Timeout.Seconds(),
		Packets: i.InPkts, Template: i.Template, Gone: i.Gone, Controls: i.NControl, PE: i.PEName, PEData: i.PEData,
	}
	if i.Service != (sched.ServiceKey{}) {
		o.Service = i.Service.String()
	}
	return json.NewEncoder(w).Encode(o)
}
