package control

import (
	"syscall"

	"goipvs/hooks"
)

const (
	// textChunk is how much text one datagram carries.
	textChunk = 32 << 10
	// textWindow is how much text of the connection table is held at a time, in
	// octets: enough for 800,000 connections.
	textWindow = 64 << 20
)

// dumpProc sends the text of a file of /proc/net.
func (e *Engine) dumpProc(r *request) error {
	a, err := r.attrs(extPolicy, false)
	if err != nil {
		return err
	}
	name := string(a[ExtName])
	if row, head := connRow(name); row != nil {
		e.dumpConns(r, head, row)
		return nil
	}
	text, err := e.proc(name)
	if err != nil {
		return err
	}
	d := newDump(r, CmdGetProc)
	d.text(text)
	d.finish()
	return nil
}

// dumpConns sends a listing of connections. Who asks may be slow, and the table
// can't be held for him; so the table is walked with what fits into a window
// put down, and again from there after that was sent. As in the kernel, that
// isn't a snapshot: with more than a window's worth of connections those that
// come and go meanwhile make others be missed or listed twice.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_array (6.1).
func (e *Engine) dumpConns(r *request, head string, row func([]byte, *hooks.ConnInfo) []byte) {
	e.listings <- struct{}{}
	defer func() { <-e.listings }()
	d := newDump(r, CmdGetProc)
	d.text([]byte(head))
	var chunks [][]byte
	for from, more := 0, true; more && r.err == nil; {
		more = false
		n, held := 0, 0
		var cur []byte
		chunks = chunks[:0]
		e.b.Conns(func(c *hooks.ConnInfo) bool {
			if n++; n <= from {
				return true
			}
			if cur == nil {
				cur = make([]byte, 0, textChunk)
			}
			if cur = row(cur, c); len(cur) > textChunk-maxRow {
				chunks, cur, held = append(chunks, cur), nil, held+len(cur)
			}
			more = held > e.window
			return !more
		})
		from = n
		for _, c := range append(chunks, cur) {
			d.text(c)
			d.flush()
		}
	}
	d.finish()
}

// text adds text in messages of their own datagrams.
func (d *dump) text(b []byte) {
	for len(b) > 0 {
		n := min(len(b), textChunk)
		d.cur = &writer{b: make([]byte, 0, nlHeader+genlHeader+attrHeader+n+3)}
		d.start(func(w *writer) { w.bytes(ExtText, b[:n]) })
		d.full, d.cur = append(d.full, d.cur.b), nil
		b = b[n:]
	}
}

// getSetting answers with one setting.
func (e *Engine) getSetting(r *request, a attrs) error {
	name := string(a[ExtName])
	value, err := e.b.Setting(name)
	if err != nil {
		return err
	}
	w := r.reply(0, CmdGetSetting)
	w.text(ExtName, name)
	w.text(ExtText, value)
	w.end(0)
	r.put(w.b)
	return nil
}

// dumpSettings lists all settings by name.
func (e *Engine) dumpSettings(r *request) error {
	d := newDump(r, CmdGetSetting)
	for _, name := range e.b.Settings() {
		value, err := e.b.Setting(name)
		if err != nil {
			continue
		}
		d.add(func(w *writer) {
			w.text(ExtName, name)
			w.text(ExtText, value)
		})
	}
	d.finish()
	return nil
}

// setSetting changes a setting.
func (e *Engine) setSetting(_ *request, a attrs) error {
	if !a.has(ExtName, ExtText) {
		return syscall.EINVAL
	}
	return e.b.SetSetting(string(a[ExtName]), string(a[ExtText]))
}
