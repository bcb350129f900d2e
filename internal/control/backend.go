package control

import (
	"time"

	"goipvs/hooks"
	"goipvs/sched"
)

// Backend is the director that an Engine acts on. *hooks.Director is one, and
// its documentation says what the methods do.
type Backend interface {
	AddService(sched.ServiceConfig) error
	EditService(sched.ServiceConfig) error
	DelService(sched.ServiceKey) error
	Flush()
	AddDest(sched.ServiceKey, sched.DestConfig) error
	EditDest(sched.ServiceKey, sched.DestConfig) error
	DelDest(sched.ServiceKey, sched.DestKey) error
	Zero(sched.ServiceKey) error
	ZeroAll()
	View(func(*sched.Table))
	Timeouts() (tcp, fin, udp time.Duration)
	SetTimeouts(tcp, fin, udp time.Duration) error
	Conns(func(*hooks.ConnInfo) bool)
	TableSize() int
	Settings() []string
	Setting(name string) (string, error)
	SetSetting(name, value string) error
	Totals() (total, rate sched.Counters)
	DeleteConns(*hooks.ConnFilter) (gone, kept int)
	SetOptions(sched.ServiceKey, sched.Options) error
	FlushUDP() bool
	SetFlushUDP(bool)
}
