package trace

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes steps for reading: what the machine does; the hook point;
// below that the hook functions with their priority, and what each kernel
// function decided. The packet is told wherever it is new or has changed.
//
//	received: by eth0
//	= 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN ttl 64 length 60
//	LOCAL_IN
//	  RemoteRequest (ip_vs_in_hook, priority 99)
//	    ip_vs_service_find   service: TCP 203.0.113.10:80 rr
func WriteText(w io.Writer, steps []Step) error {
	width := 0
	for _, s := range steps {
		if !s.Host {
			width = max(width, len(s.Func))
		}
	}
	var b strings.Builder
	for _, s := range steps {
		indent := 0
		if s.Point != "" {
			fmt.Fprintf(&b, "%s\n", s.Point)
			s.tellPacket(&b, 0)
			s.Packet = ""
		}
		switch {
		case s.Hook != "":
			indent = 2
			fmt.Fprintf(&b, "  %s (%s, priority %d)\n", s.Hook, s.Func, s.Place)
		case s.Host:
			fmt.Fprintf(&b, "%s\n", s.say())
		default:
			indent = 4 + width + 2
			fmt.Fprintf(&b, "    %-*s  %s\n", width, s.Func, s.say())
		}
		s.tellPacket(&b, indent)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Step) tellPacket(b *strings.Builder, indent int) {
	if s.Packet != "" {
		fmt.Fprintf(b, "%*s= %s\n", indent, "", s.Packet)
	}
}

// say puts a step's outcome in words.
func (s Step) say() string {
	var parts []string
	if s.Verdict != "" {
		parts = append(parts, s.Verdict)
	}
	if s.Reason != "" {
		parts = append(parts, string(s.Reason))
	}
	if s.Detail != "" {
		parts = append(parts, s.Detail)
	}
	return strings.Join(parts, ": ")
}
