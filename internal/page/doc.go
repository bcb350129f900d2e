// Package page makes an explanation into one HTML page that needs nothing else:
// no network, no server. It shows the netfilter picture, walks each packet
// through it, and has services and connections as they were at each moment.
//
//	explain.Run → Page (a Sink) ─ lines of explain --json, gzipped ─┐
//	assets: page.html, page.css, *.js ──────────────────────────────┴→ Write
//
// The lines in the page are those of docs/explain-json.md, so the state at each
// moment is kept as they keep it: what changed.
package page
