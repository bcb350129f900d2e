package control

import (
	"syscall"

	"goipvs/hooks"
)

// textChunk is how much text one datagram carries.
const textChunk = 32 << 10

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

// dumpConns sends a listing of connections. Who asks may be slow: nothing is held
// for him.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_array (6.1).
func (e *Engine) dumpConns(r *request, head string, row func([]byte, *hooks.ConnInfo) []byte) {
	e.listings <- struct{}{}
	defer func() { <-e.listings }()
	d := newDump(r, CmdGetProc)
	d.text([]byte(head))
	d.flush()
	cur := make([]byte, 0, textChunk)
	e.b.Conns(func(c *hooks.ConnInfo) bool {
		if cur = row(cur, c); len(cur) > textChunk-maxRow {
			d.text(cur)
			d.flush()
			cur = cur[:0]
		}
		return r.err == nil
	})
	d.text(cur)
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
