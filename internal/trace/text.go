package trace

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes steps for reading: the hook point with the packet as it
// comes, the function with its priority, and what each kernel function decided;
// below that the packet wherever it has changed.
//
//	LOCAL_IN  192.0.2.100:40000 > 203.0.113.10:80 TCP SYN ttl 64 length 60
//	  RemoteRequest (ip_vs_in_hook, priority 99)
//	    ip_vs_service_find   service: TCP 203.0.113.10:80 rr
func WriteText(w io.Writer, steps []Step) error {
	width := 0
	for _, s := range steps {
		width = max(width, len(s.Func))
	}
	var b strings.Builder
	for _, s := range steps {
		if s.Hook != "" {
			if s.Point != "" {
				fmt.Fprintf(&b, "%-9s %s\n", s.Point, s.Packet)
			}
			fmt.Fprintf(&b, "  %s (%s, priority %d)\n", s.Hook, s.Func, s.Place)
			continue
		}
		fmt.Fprintf(&b, "    %-*s  %s\n", width, s.Func, s.say())
		if s.Packet != "" {
			fmt.Fprintf(&b, "    %-*s  = %s\n", width, "", s.Packet)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
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
