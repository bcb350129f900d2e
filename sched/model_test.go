package sched

import (
	"errors"
	"flag"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goipvs/packet"
)

// model is a Table told in the simplest words: lists that are searched from
// end to end.
type model struct {
	table    *Table
	now      time.Duration
	seq      int
	services []*modelService
	trash    []*modelDest // newest first
	check    time.Duration
	held     []modelConn
}

type modelService struct {
	config ServiceConfig
	seq    int
	real   *Service
	dests  []*modelDest // newest first
}

type modelDest struct {
	config         DestConfig
	of             ServiceKey
	real           *Dest
	last           int32
	active, total  int32
	templates      int32
	overloaded     bool
	hashed         int // when it took its place among the real servers; 0: it has none
	idle           time.Duration
	seenIdle, dead bool
}

type modelConn struct {
	d                  *modelDest
	template, inactive bool
}

var (
	modelServices = []ServiceKey{
		testKey(packet.ProtoTCP, "192.0.2.1:80"),
		testKey(packet.ProtoTCP, "192.0.2.2:83"), // same bucket as the first
		testKey(packet.ProtoUDP, "192.0.2.1:80"),
		testKey(packet.ProtoTCP, "192.0.2.1:0"),
		testKey(packet.ProtoTCP, "[2001:db8::1]:80"),
		{Family: packet.IPv4, FWMark: 3},
		{Family: packet.IPv6, FWMark: 3},
	}
	modelNames = []string{"rr", "wrr", "lblcr", "mh", "none", "nosuch"}
)

func (m *model) service(k ServiceKey) *modelService {
	for _, s := range m.services {
		if s.config.ServiceKey == k {
			return s
		}
	}
	return nil
}

func (s *modelService) dest(k DestKey) *modelDest {
	for _, d := range s.dests {
		if d.config.DestKey == k {
			return d
		}
	}
	return nil
}

func drawService(t *rapid.T) ServiceConfig {
	return ServiceConfig{
		ServiceKey: rapid.SampledFrom(modelServices).Draw(t, "service"),
		Scheduler:  rapid.SampledFrom(modelNames).Draw(t, "scheduler"),
		PE:         rapid.SampledFrom([]string{"", "sip"}).Draw(t, "pe"),
		Netmask:    64,
	}
}

func drawDest(t *rapid.T) DestConfig {
	return DestConfig{
		DestKey: server(rapid.IntRange(1, 4).Draw(t, "server")),
		Forward: rapid.SampledFrom([]Forward{Masq, Masq, Tunnel, DRoute}).Draw(t, "forward"),
		Weight:  rapid.Int32Range(-1, 3).Draw(t, "weight"),
		Upper:   rapid.Uint32Range(0, 4).Draw(t, "upper"),
		Lower:   rapid.Uint32Range(0, 1).Draw(t, "lower"),
		TunType: rapid.SampledFrom([]TunType{TunIPIP, TunGUE}).Draw(t, "type"),
		TunPort: rapid.SampledFrom([]uint16{0, 6080}).Draw(t, "tunport"),
	}
}

// want fails unless err is exactly the wanted one.
func want(t *rapid.T, err, want error) bool {
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	return err == nil
}

func (m *model) AddService(t *rapid.T) {
	c := drawService(t)
	var bad error
	switch {
	case m.service(c.ServiceKey) != nil:
		bad = ErrServiceExists
	case c.Scheduler == "nosuch":
		bad = ErrNoScheduler
	}
	s, err := m.table.AddService(c)
	if want(t, err, bad) {
		m.seq++
		m.services = append(m.services, &modelService{config: c, seq: m.seq, real: s})
	}
}

func (m *model) EditService(t *rapid.T) {
	c := drawService(t)
	s := m.service(c.ServiceKey)
	var bad error
	switch {
	case s == nil:
		bad = ErrNoService
	case c.Scheduler == "nosuch":
		bad = ErrNoScheduler
	}
	if want(t, m.table.EditService(c), bad) {
		s.config = c
	}
}

func (m *model) DelService(t *rapid.T) {
	k := rapid.SampledFrom(modelServices).Draw(t, "service")
	s := m.service(k)
	if s == nil {
		want(t, m.table.DelService(k), ErrNoService)
		return
	}
	want(t, m.table.DelService(k), nil)
	m.delete(s)
}

func (m *model) delete(s *modelService) {
	m.services = slices.DeleteFunc(m.services, func(o *modelService) bool { return o == s })
	for _, d := range s.dests {
		m.discard(d)
	}
}

func (m *model) Flush(t *rapid.T) {
	order := m.order()
	m.table.Flush()
	for _, s := range order {
		m.delete(s)
	}
}

func (m *model) discard(d *modelDest) {
	if len(m.trash) == 0 {
		m.check = m.now + time.Minute
	}
	m.trash = slices.Insert(m.trash, 0, d)
	d.hashed, d.seenIdle = 0, false
}

func badDest(c DestConfig) error {
	switch {
	case c.Weight < 0 || c.Lower > c.Upper:
		return ErrRange
	case c.TunType == TunGUE && c.TunPort == 0:
		return ErrInvalid
	}
	return nil
}

func (m *model) AddDest(t *rapid.T) {
	k, c := rapid.SampledFrom(modelServices).Draw(t, "service"), drawDest(t)
	s := m.service(k)
	bad := badDest(c)
	switch {
	case s == nil:
		bad = ErrNoService
	case bad == nil && s.dest(c.DestKey) != nil:
		bad = ErrDestExists
	}
	if !want(t, m.table.AddDest(k, c), bad) {
		return
	}
	d := &modelDest{of: k, real: s.real.First()}
	for i, old := range m.trash {
		// Firewall marks of both families are one to the trash.
		if old.config.DestKey == c.DestKey && (old.of == k || k.FWMark != 0 && old.of.FWMark == k.FWMark) {
			d = old
			m.trash = slices.Delete(m.trash, i, i+1)
			break
		}
	}
	d.last = c.Weight
	m.configure(d, c)
	s.dests = slices.Insert(s.dests, 0, d)
}

func (m *model) EditDest(t *rapid.T) {
	k, c := rapid.SampledFrom(modelServices).Draw(t, "service"), drawDest(t)
	s := m.service(k)
	bad := badDest(c)
	switch {
	case s == nil:
		bad = ErrNoService
	case bad == nil && s.dest(c.DestKey) == nil:
		bad = ErrNoDest
	}
	if want(t, m.table.EditDest(k, c), bad) {
		d := s.dest(c.DestKey)
		if c.Weight != 0 {
			d.last = c.Weight
		}
		m.configure(d, c)
	}
}

func (m *model) configure(d *modelDest, c DestConfig) {
	old := d.config
	d.config = c
	if c.Forward != old.Forward || c.TunType != old.TunType || c.TunPort != old.TunPort {
		d.hashed = 0
	}
	if d.hashed == 0 && (c.Forward == Masq || c.Forward == Tunnel) {
		m.seq++
		d.hashed = m.seq
	}
	if c.Upper != old.Upper || c.Lower != old.Lower {
		d.measure(0)
	}
}

// measure is written after the words of the kernel's comment: set when the
// connections reach the upper threshold, cleared below the lower.
func (d *modelDest) measure(change int32) {
	upper, lower := int32(d.config.Upper), int32(d.config.Lower)
	if lower == 0 {
		lower = upper - upper/4
	}
	switch {
	case change > 0 && d.total == upper, change == 0 && d.total >= upper:
		d.overloaded = upper > 0
	case change < 0 && d.total+1 == lower, change == 0 && d.total < lower:
		d.overloaded = d.total >= upper && upper > 0
	}
}

func (m *model) DelDest(t *rapid.T) {
	k, dk := rapid.SampledFrom(modelServices).Draw(t, "service"), server(rapid.IntRange(1, 4).Draw(t, "server"))
	s := m.service(k)
	switch {
	case s == nil:
		want(t, m.table.DelDest(k, dk), ErrNoService)
	case s.dest(dk) == nil:
		want(t, m.table.DelDest(k, dk), ErrNoDest)
	default:
		d := s.dest(dk)
		want(t, m.table.DelDest(k, dk), nil)
		s.dests = slices.DeleteFunc(s.dests, func(o *modelDest) bool { return o == d })
		m.discard(d)
	}
}

// Bind makes a connection to any server, also to one in the trash.
func (m *model) Bind(t *rapid.T) {
	var all []*modelDest
	for _, s := range m.services {
		all = append(all, s.dests...)
	}
	if all = append(all, m.trash...); len(all) == 0 {
		t.Skip("no server")
	}
	c := modelConn{
		rapid.SampledFrom(all).Draw(t, "dest"),
		rapid.IntRange(0, 3).Draw(t, "template") == 0,
		rapid.Bool().Draw(t, "inactive"),
	}
	c.d.real.Bind(c.template, c.inactive)
	m.held = append(m.held, c)
	c.count(1)
}

func (m *model) Unbind(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no connection")
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "connection")
	c := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	c.d.real.Unbind(c.template, c.inactive)
	c.count(-1)
}

func (c modelConn) count(by int32) {
	if c.template {
		c.d.templates += by
		return
	}
	c.d.total += by
	if !c.inactive {
		c.d.active += by
	}
	c.d.measure(by)
}

func (m *model) Advance(t *rapid.T) {
	m.now += time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second
	m.table.Advance(m.now)
	for ; len(m.trash) > 0 && m.check <= m.now; m.check += time.Minute {
		m.trash = slices.DeleteFunc(m.trash, func(d *modelDest) bool {
			switch {
			case d.total+d.templates > 0:
			case !d.seenIdle:
				d.seenIdle, d.idle = true, m.check
			default:
				d.dead = m.check-d.idle >= 2*time.Minute
			}
			return d.dead
		})
	}
}

// TestMain makes the model's runs longer than rapid's default; the command line
// still decides.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.steps", "100"); err != nil {
		panic(err)
	}
	m.Run()
}

func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{table: NewTable()}
		t.Repeat(map[string]func(*rapid.T){
			"AddService":  m.AddService,
			"EditService": m.EditService,
			"DelService":  m.DelService,
			"Flush":       m.Flush,
			"AddDest":     m.AddDest,
			"AddDest2":    m.AddDest,
			"EditDest":    m.EditDest,
			"DelDest":     m.DelDest,
			"Bind":        m.Bind,
			"Unbind":      m.Unbind,
			"Advance":     m.Advance,
			"":            m.Check,
		})
	})
}
