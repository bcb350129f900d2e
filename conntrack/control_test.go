package conntrack

import (
	"slices"
	"testing"
	"time"
)

// chain makes connection ← control connection ← template, as an FTP data
// connection of a persistent service has it, without the middle if it is not
// wanted.
func chain(s *Shard, middle bool) (c, ctl, ct *Conn) {
	ct = s.New(&New{Flags: Template, DestID: 3})
	c = s.New(&New{Key: Key{CPort: 1}, DestID: 1})
	if middle {
		ctl = s.New(&New{Key: Key{CPort: 2}, DestID: 2})
		s.AddControl(ctl, ct)
		s.AddControl(c, ctl)
		s.Put(ctl)
	} else {
		s.AddControl(c, ct)
	}
	s.Put(ct)
	s.Put(c)
	return c, ctl, ct
}

// A template stays while it controls connections: looked at each minute, it goes
// at the first look at which it doesn't.
//
// Features: C8, P3.
func TestTemplateIsHeld(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	c, _, ct := chain(s, false)
	ct.Timeout, c.Timeout = 10*HZ, 100*HZ
	s.Put(ct)
	s.Put(c)
	for _, step := range []struct {
		at      time.Duration
		gone    []int
		expires time.Duration // of the template, about
	}{
		{9 * time.Second, nil, time.Second},
		{11 * time.Second, nil, 59 * time.Second},
		{69 * time.Second, nil, time.Second},
		{75 * time.Second, nil, 56 * time.Second},
		{104 * time.Second, []int{1}, 27 * time.Second},
		{129 * time.Second, []int{1}, 2 * time.Second},
		{136 * time.Second, []int{1, 3}, 0},
	} {
		table.Advance(step.at)
		if !slices.Equal(rec.gone, step.gone) {
			t.Fatalf("at %v: gone %v, want %v", step.at, rec.gone, step.gone)
		}
		if len(step.gone) < 2 {
			if got := s.Expires(ct); got < step.expires-4*time.Second || got > step.expires+4*time.Second {
				t.Errorf("at %v: template expires in %v, want about %v", step.at, got, step.expires)
			}
		}
	}
}

// What is deleted takes along what controls it, unless that has others to
// control or is an assured template.
//
// Features: C9.
func TestDropChain(t *testing.T) {
	for _, c := range []struct {
		name            string
		middle, assured bool
		sibling         bool
		want            []int
	}{
		{"template", false, false, false, []int{3, 1}},
		{"assured template stays", false, true, false, []int{1}},
		{"template of another stays", false, false, true, []int{1}},
		{"control connection and template", true, false, false, []int{3, 2, 1}},
		{"control connection, assured template stays", true, true, false, []int{2, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, rec := newTestTable(1)
			s := &table.shards[0]
			conn, _, ct := chain(s, c.middle)
			if c.assured {
				ct.State = Assured
			}
			if c.sibling {
				s.AddControl(s.New(&New{DestID: 4}), ct)
			}
			if !s.Delete(conn) {
				t.Fatal("Delete = false")
			}
			if !slices.Equal(rec.gone, c.want) {
				t.Errorf("gone %v, want %v", rec.gone, c.want)
			}
		})
	}
}

// A connection whose time is over leaves its template alone.
func TestExpiryKeepsTemplate(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	c, _, ct := chain(s, false)
	c.Timeout, ct.Timeout = HZ, 100*HZ
	s.Put(ct)
	s.Put(c)
	table.Advance(2 * time.Second)
	if !slices.Equal(rec.gone, []int{1}) || ct.NControl != 0 {
		t.Errorf("gone %v, template controls %d", rec.gone, ct.NControl)
	}
}

// Delete is for those whose timer runs: not for one that a packet holds, and one
// that controls others is put off.
//
// Features: C8.
func TestDelete(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	c := s.New(&New{})
	if s.Delete(c) {
		t.Error("deleted in use")
	}
	_, _, ct := chain(s, false)
	if s.Delete(ct) || len(rec.gone) != 0 {
		t.Error("deleted a template with connections")
	}
	if got := s.Expires(ct); got != time.Minute {
		t.Errorf("it expires in %v", got)
	}
}

// A connection that gets another controller leaves the first.
func TestAddControlAgain(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	c, a, b := s.New(&New{}), s.New(&New{Flags: Template}), s.New(&New{Flags: Template})
	s.AddControl(c, a)
	s.AddControl(c, b)
	if a.NControl != 0 || b.NControl != 1 || c.Control != b.Ref() {
		t.Errorf("they control %d and %d", a.NControl, b.NControl)
	}
	called := 0
	s.Controller(c, func(ct *Conn) {
		called++
		if ct != b {
			t.Error("another controller")
		}
	})
	s.Controller(b, func(*Conn) { called++ })
	if called != 1 {
		t.Errorf("Controller called %d times", called)
	}
}

// Only a template is assured, and only the direct controller: the connection in
// the middle of a chain reaches its template by itself.
//
// Features: C9.
func TestAssure(t *testing.T) {
	table, _ := newTestTable(1)
	s := &table.shards[0]
	c, ctl, ct := chain(s, true)
	s.Assure(c)
	if ctl.State != 0 || ct.State != 0 {
		t.Errorf("states %d, %d", ctl.State, ct.State)
	}
	s.Assure(ctl)
	if ct.StateName() != "ASSURED" {
		t.Errorf("template %s", ct.StateName())
	}
	s.Assure(ct) // controlled by nobody
}

// An invalid template can't be found but keeps its time.
//
// Features: P4.
func TestInvalidate(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	k := Key{Client: addrs4[0], Virtual: addrs4[2], VPort: 80}
	ct := s.New(&New{Key: k, DPort: 80, Flags: Template})
	ct.Timeout = 50 * HZ
	s.Put(ct)
	s.Invalidate(ct)
	s.Invalidate(ct)
	if s.Template(&k) != nil {
		t.Error("found")
	}
	if ct.CPort != 0 || ct.VPort != 0xffff || ct.DPort != 0xffff || s.Expires(ct) != 50*time.Second || table.Len() != 1 {
		t.Errorf("ports %d, %d, %d, expires in %v", ct.CPort, ct.VPort, ct.DPort, s.Expires(ct))
	}
	k.VPort = 0xffff
	if s.Template(&k) != ct {
		t.Error("not found where it is now")
	}
	table.Advance(time.Minute)
	if len(rec.gone) != 1 {
		t.Error("still there")
	}
}
