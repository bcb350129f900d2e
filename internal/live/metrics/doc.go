// Package metrics shows the daemon's figures to Prometheus.
//
//	daemon → Snapshot → Collector → Server, text over HTTP
//
// All work is done when somebody asks: then a Snapshot is taken and turned into
// metrics. The packet path knows nothing of it. docs/metrics.md lists the
// metrics; a test keeps it true.
package metrics
