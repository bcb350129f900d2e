package page

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/explain"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
	"goipvs/internal/typed"
)

// written returns a page's HTML.
func written(t *testing.T, p *Page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pageWithPlayground returns the page of a case, or that of the playground
// alone, with the engine in it.
func pageWithPlayground(t *testing.T, name string) []byte {
	t.Helper()
	p := New(name)
	var err error
	if p.Playground, err = pack(); err != nil {
		t.Fatal(err)
	}
	if name != "" {
		explainCase(t, name, p)
	}
	return written(t, p)
}

const natSetup = `ip link set eth0 up
ip link set eth1 up
ip addr add 192.0.2.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip neigh add 192.0.2.100 lladdr 02:00:00:00:00:64 dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1
ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
sysctl -w net.ipv4.ip_forward=1
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.12:8080 -m
`

// explainText explains a capture with a setup, as goipvs explain --setup does.
func explainText(t *testing.T, setupText string, capture []byte, to explain.Sink) {
	t.Helper()
	c := replay.Config{Implied: true, FromFirst: true}
	var err error
	if c.Setup, err = setup.Parse("setup", strings.NewReader(setupText)); err != nil {
		t.Fatal(err)
	}
	if c.Capture, err = replay.NewCapture("capture", bytes.NewReader(capture)); err != nil {
		t.Fatal(err)
	}
	if _, err := explain.Run(c, to); err != nil {
		t.Fatal(err)
	}
}

// set types into a field of the playground, and waits for the answer.
func (b *tab) set(id, text string) {
	b.Helper()
	b.does(fmt.Sprintf(` const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event("input")); `, id, text))
}

// does runs something that makes the playground run, and waits for it.
func (b *tab) does(expr string) {
	b.Helper()
	b.do(`document.body.dataset.played = "";` + expr)
	b.wait(`document.body.dataset.played > 0`)
}

// compare holds what the page shows of all packets against lines of
// explain --json.
func (b *tab) compare(x told) {
	b.Helper()
	b.has("packets", b.one("#count"), fmt.Sprintf("%d packets", len(x.passages)))
	b.press("Home")
	for i := range x.passages {
		g := &x.passages[i]
		if i > 0 {
			b.press("ArrowDown")
		}
		b.want("summary", b.one("#banner .summary"), g.Summary)
		b.has("fate", b.one("#banner .fate"), g.Text)
		if d := cmp.Diff(stepTexts(g), b.text("#steps li button")); d != "" {
			b.Errorf("packet %d: explain --json (-), page (+):\n%s", g.N, d)
		}
		if d := cmp.Diff(x.servers(i+1), b.text(serverRows)); d != "" {
			b.Errorf("packet %d: servers of explain --json (-), page (+):\n%s", g.N, d)
		}
	}
}

// saved is the capture that "Save packets" makes.
func (b *tab) saved() []byte {
	b.Helper()
	text := eval[string](b, `new Promise((done) => {
		const make = URL.createObjectURL;
		URL.createObjectURL = (blob) => {
			URL.createObjectURL = make;
			const r = new FileReader();
			r.onload = () => done(r.result.split(",")[1]);
			r.readAsDataURL(blob);
			return "#";
		};
		HTMLAnchorElement.prototype.click = () => {};
		document.getElementById("save").click();
	})`)
	capture, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		b.Fatal(err)
	}
	return capture
}

// Typed packets go through the engine in the page as through the command.
func TestPlayground(t *testing.T) {
	b := open(t, pageWithPlayground(t, ""), "", 1440, 900)
	b.wait(`document.body.dataset.played > 0`)
	b.want("errors", b.one("#play-error"), "")
	b.set("setup", natSetup)
	b.set("typed", "eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN\n")
	b.has("fate of a SYN", b.one("#banner .fate"), "Request of the new connection 1, server 10.1.0.12:8080 (Masq), SYN_RECV, chosen by rr; sent by eth1.")
	b.press("ArrowRight")
	b.want("a step on", b.hash(), "#packet=1&step=2")
	b.does(`document.getElementById("add-reply").click()`)
	b.has("the typed reply", eval[string](b, `document.getElementById("typed").value`), "\nreply 1\n")
	b.has("its fate", b.one("#banner .fate"), "Reply of connection 1")
	b.does(`document.getElementById("add-error").click()`)
	b.has("the typed error", eval[string](b, `document.getElementById("typed").value`), "\nerror 2 unreachable\n")
	b.does(`document.getElementById("add-syn").click()`)
	b.has("the typed SYN", eval[string](b, `document.getElementById("typed").value`), "\neth0 192.0.2.100:40001 > 203.0.113.10:80 TCP SYN\n")

	var lines bytes.Buffer
	explainText(t, natSetup, b.saved(), explain.NewJSON(&lines))
	b.compare(parseLines(t, lines.String()))

	b.set("setup", natSetup+"ipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 0\n")
	b.press("Home")
	b.has("fate without server 12", b.one("#banner .fate"), "server 10.1.0.11:8080")
	b.set("setup", "ip nonsense\n")
	b.has("a wrong setup", b.one("#play-error"), "setup:1:")
	b.set("setup", natSetup)
	b.set("typed", "# nothing\neth0 nonsense\n")
	b.has("a wrong packet", b.one("#play-error"), "packets: line 2:")
	b.set("typed", "eth0 192.0.2.1:1 > 203.0.113.10:99 UDP\nreply 1\n")
	b.has("a reply to nothing", b.one("#play-error"), "line 2: packet 1 put nothing out")
	for i := range eval[int](b, `document.getElementById("example").options.length - 1`) {
		b.does(fmt.Sprintf(` const e = document.getElementById("example"); e.value = %d; e.dispatchEvent(new Event("change")); `, i))
		b.want(fmt.Sprintf("errors of example %d", i), b.one("#play-error"), "")
	}
}

// A capture in the page, or one that is dropped on it, can be played with
// another setup.
func TestPlayCapture(t *testing.T) {
	const name = "nat-syn-ports"
	b := open(t, pageWithPlayground(t, name), "#packet=3&step=1", 1440, 900)
	b.click("#play-toggle")
	b.wait(`document.getElementById("setup").value !== ""`)
	b.does(`document.getElementById("run").click()`)
	b.want("errors", b.one("#play-error"), "")
	b.want("the place", b.hash(), "#packet=3&step=1")
	b.compare(parseLines(t, jsonLines(t, name)))
	file, err := os.ReadFile("../../testdata/corpus/dr-tcp/in.pcapng")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../testdata/corpus/dr-tcp/setup.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"setup.sh", rules}, {"in.pcapng", file}} {
		b.does(fmt.Sprintf(`
			const d = new DataTransfer(), b = atob(%q);
			d.items.add(new File([Uint8Array.from(b, (c) => c.charCodeAt(0))], %q));
			dispatchEvent(new DragEvent("drop", { dataTransfer: d, cancelable: true }));
		`, base64.StdEncoding.EncodeToString(f.data), f.name))
	}
	b.want("errors", b.one("#play-error"), "")
	var lines bytes.Buffer
	explainText(t, string(rules), file, explain.NewJSON(&lines))
	x := parseLines(t, lines.String())
	x.passages = slices.DeleteFunc(x.passages, func(g trace.Passage) bool { return g.Type != "packet" })
	b.has("packets", b.one("#count"), fmt.Sprintf("%d packets", len(x.passages)))
	b.press("Home")
	b.want("summary", b.one("#banner .summary"), x.passages[0].Summary)
	b.has("fate", b.one("#banner .fate"), x.passages[0].Text)
}

// manyPackets returns the page of 10,000 packets, each of a connection of its own.
func manyPackets(t *testing.T) []byte {
	t.Helper()
	const packets = 10000
	var text strings.Builder
	for i := range packets {
		fmt.Fprintf(&text, "+0.001 eth0 192.0.2.100:%d > 203.0.113.10:80 TCP SYN\n", 1024+i)
	}
	c, err := typed.New(text.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	capture, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	p := New("many")
	explainText(t, natSetup, capture, p)
	return written(t, p)
}

// Of a large capture the document has only what can be seen.
func TestManyPackets(t *testing.T) {
	const packets = 10000
	b := open(t, manyPackets(t), "", 1440, 900)
	few := func(when string) {
		t.Helper()
		if n := eval[int](b, `document.querySelectorAll("*").length`); n > 1500 {
			t.Errorf("%s: %d elements", when, n)
		}
	}
	b.has("count", b.one("#count"), "10,000 packets")
	few("at first")
	b.press("End")
	b.want("the last", b.hash(), "#packet=10000&step=1")
	b.want("connections", b.one("#conns-count"), "10,000")
	b.has("the row of the last", b.one(`[aria-selected="true"]`), "10000")
	few("at the end")
	for _, top := range []float64{0.5, 0.123, 0.9} {
		b.do(fmt.Sprintf(` for (const id of ["list", "conns"]) { const l = document.getElementById(id); l.scrollTop = l.scrollHeight * %g; l.dispatchEvent(new Event("scroll")); } `, top))
		few("in between")
		first := eval[int](b, `Math.min(...[...document.querySelectorAll(".row .n")].map((e) => +e.textContent))`)
		if want := int(packets * top); first < want-50 || first > want+50 {
			t.Errorf("scrolled to %g of the list, the first row is %d", top, first)
		}
	}
	b.press("/")
	b.typeText("192.0.2.100:5000 >")
	b.has("found", b.one("#count"), "of 10,000")
	b.has("found", b.one("#banner .summary"), "192.0.2.100:5000 >")
	few("after a search")
}
