package control

import (
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"

	"goipvs/hooks"
	"goipvs/packet"
)

// recorded are the requests and answers in the file that was recorded
// from a kernel, by their mark.
func recorded(f *testing.F, mark string) (all [][]byte) {
	text, err := os.ReadFile(kernelFile)
	if err != nil {
		f.Fatal(err)
	}
	for l := range strings.SplitSeq(string(text), "\n") {
		if h, ok := strings.CutPrefix(l, mark+" "); ok {
			b, err := hex.DecodeString(h)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, b)
		}
	}
	return all
}

// FuzzEngine: whatever comes, the engine answers with whole messages, and a
// request that wants an answer gets one that ends.
func FuzzEngine(f *testing.F) {
	for _, b := range recorded(f, ">") {
		f.Add(b)
	}
	f.Add(dumpOf(CmdGetProc, raw(ExtName, []byte(ProcServices)...)))
	f.Add(do(CmdSetSetting, raw(ExtName, []byte("conntrack")...), raw(ExtText, '1')))
	f.Add(dumpOf(CmdGetSetting))
	f.Add(dumpOf(CmdGetConns, nestAs(ExtFilter|attrNested, u16(FilterFamily, afINET), raw(FilterClient, 1, 2, 3, 4), u8(FilterClientBits, 24))))
	f.Add(do(CmdDelConns, nestAs(ExtFilter|attrNested, str(FilterState, "UDP"))))
	f.Add(do(CmdSetOptions, nestAs(ExtService|attrNested, key4(1)...), nestAs(ExtOptions|attrNested, u32(OptUDP, 9))))
	e := newEngine()
	f.Fuzz(func(t *testing.T, req []byte) {
		e.b.Flush()
		ended := false
		whole := func(b []byte) error {
			n := 0
			for _, m := range messages(b) {
				n += align(len(m))
			}
			if n < len(b) || len(b) == 0 {
				t.Errorf("answer of %d octets has messages of %d: %x", len(b), n, b)
			}
			ended = ends(b)
			return nil
		}
		if err := e.Handle(req, Caller{}, whole); err != nil {
			t.Error(err)
		}
		if err := e.Conn().Request(req, whole); err == nil && !ended {
			t.Errorf("no end of the answer to %x", req)
		}
	})
}

// FuzzAnswer: whatever the daemon answers, the client takes it or says what is
// wrong.
func FuzzAnswer(f *testing.F) {
	for _, b := range recorded(f, "<") {
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for at := 0; at+nlHeader <= len(b); { // as if it were asked for
			ne.PutUint32(b[at+8:], 1)
			n := int(ne.Uint32(b[at:]))
			if n < nlHeader || n > len(b)-at {
				break
			}
			at += align(n)
		}
		c := func() *Client { return NewClient(canned{b}) }
		_, _, _ = c().Info()
		_, _ = c().Services()
		_, _ = c().Dests(webKey)
		_, _ = c().Daemons()
		_, _, _, _ = c().Timeouts()
		_, _ = c().Settings()
		_ = c().Proc(ProcStats, io.Discard)
		_ = c().Conns(&hooks.ConnFilter{}, 0, func(*hooks.ConnInfo) error { return nil })
		_, _, _ = c().DeleteConns(&hooks.ConnFilter{})
		_, _ = c().Options(nil)
		_, _ = c().Counts()
	})
}

// FuzzService: what decodes as a service encodes to what decodes the same.
func FuzzService(f *testing.F) {
	for _, b := range recorded(f, "<") {
		if len(b) < 1000 && len(b) > nlHeader+genlHeader {
			f.Add(b[nlHeader+genlHeader:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeService(b)
		if err == nil {
			w := &writer{}
			n := w.nest(CmdAttrService)
			w.serviceKey(s.ServiceKey)
			w.str(SvcAttrSchedName, s.Scheduler)
			if s.PE != "" {
				w.str(SvcAttrPEName, s.PE)
			}
			w.serviceRest(&s.ServiceConfig, svcHashed)
			w.stats64(SvcAttrStats64, &s.Stats, &s.Rates)
			w.endNest(n)
			if again, err := decodeService(w.b); again != s || err != nil {
				t.Errorf("%+v became %+v, %v", s, again, err)
			}
		}
		_, _ = decodeDest(b, packet.IPv4)
	})
}

// FuzzSockopt: whatever a program sets or asks for by the old interface, it gets
// an error or an answer that fits into its buffer.
func FuzzSockopt(f *testing.F) {
	for _, c := range sockCases() {
		if c.kind != "msg" {
			f.Add(c.kind == "set", c.opt-soBase, c.length, c.data)
		}
	}
	e := newEngine()
	f.Fuzz(func(t *testing.T, set bool, opt, length int, data []byte) {
		if set {
			_ = e.SetSockopt(soBase+opt, data, Caller{})
			return
		}
		value, told, err := e.GetSockopt(soBase+opt, length, data, Caller{})
		if err == nil && (len(value) > length || told > length) {
			t.Errorf("%d octets and %d told, for %d", len(value), told, length)
		}
	})
}
