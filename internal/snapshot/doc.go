// Package snapshot writes the setup file of a machine as it is: what someone
// elsewhere needs, beside a capture, to ask what IPVS does there.
//
//	rtnetlink ── links, addresses, routes, rules, neighbours ─┐
//	/proc/sys ── forwarding, net.ipv4.vs.* ───────────────────┼→ Take → setup lines
//	control.Conn ── services, servers, timeouts ──────────────┘
//
// What the language of setup files can't say is a comment of the file, never left
// out in silence.
package snapshot
