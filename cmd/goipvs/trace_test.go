package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/host"
)

// told is a daemon that tells of packets without having any.
type told struct {
	*hooks.Director
	lines string
	lasts bool // until nobody listens
}

// Trace implements control.Tracer.
func (b *told) Trace(q control.TraceRequest, send func([]byte) error) error {
	if err := send(fmt.Appendf(nil, `{"type":"start","setup":["%s %d"]}`+"\n", q.Filter, q.Packets)); err != nil {
		return err
	}
	for l := range strings.Lines(b.lines) {
		if err := send([]byte(l)); err != nil {
			return err
		}
	}
	for b.lasts {
		if err := send(nil); err != nil {
			return err
		}
	}
	return nil
}

// What goipvs trace writes, and how it ends.
func TestTraceCommand(t *testing.T) {
	lines := `{"type":"packet","n":1,"time":0.25,"interface":"eth0","summary":"a packet","text":"Sent."}
{"type":"lost","time":0.5,"packets":3}
{"type":"packet","n":2,"time":1,"summary":"` + strings.Repeat("long ", 20000) + `","text":""}
`
	for _, c := range []struct {
		name   string
		daemon told
		args   []string
		cancel bool
		want   []string // in this order
		err    string
	}{
		{"so many packets", told{lines: lines}, []string{"-c", "2"}, false, []string{
			"── packet 1 ── 0.250000 s ── in by eth0 ───", "   a packet\n   Sent.\n", "── 3 packets not told of by 0.500000 s", "── packet 2 ── 1.000000 s ───", "long long",
		}, ""},
		{"the daemon ends", told{lines: lines}, nil, false, []string{"packet 1", "packet 2"}, "the daemon has ended"},
		{"JSON", told{lines: lines}, []string{"--json", "--filter", "tcp or udp", "-c", "2"}, false, []string{
			`"setup":["tcp or udp 2"]`, `{"type":"packet","n":1,"time":0.25,`, `{"type":"lost","time":0.5,"packets":3}`, `{"type":"packet","n":2,`, `{"type":"end","time":1,"packets":2,"outputs":0}`,
		}, ""},
		{"Ctrl-C", told{lasts: true}, []string{"--json"}, true, []string{`{"type":"start"`, `{"type":"end"`}, ""},
		{"nonsense", told{lines: "{\n"}, nil, false, nil, "malformed answer: unexpected end of JSON input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.daemon.Director = hooks.New(hooks.Config{Stack: host.New(host.Config{})})
			socket := filepath.Join(t.TempDir(), "sock")
			server, err := control.Listen(socket, control.NewEngine(&c.daemon))
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve() }()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &written{}
			if c.cancel {
				out.first = cancel
			}
			cmd := newTraceCommand(&socket)
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(append([]string{}, c.args...))
			cmd.SetOut(out)
			err = cmd.ExecuteContext(ctx)
			if got := fmt.Sprint(err); c.err == "" && err != nil || c.err != "" && got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
			rest := out.String()
			for _, w := range c.want {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Errorf("%q is missing in %.2000q", w, rest)
				}
				rest = after
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// written is what was written, and calls first with the first of it.
type written struct {
	bytes.Buffer
	first func()
}

// Write implements io.Writer.
func (w *written) Write(b []byte) (int, error) {
	if w.first != nil {
		w.first()
		w.first = nil
	}
	return w.Buffer.Write(b)
}
