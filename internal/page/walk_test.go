package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/trace"
)

// told is what explain --json says, as a program reads it.
type told struct {
	start    trace.Start
	passages []trace.Passage
}

func parseLines(t *testing.T, lines string) (x told) {
	t.Helper()
	for l := range strings.Lines(lines) {
		var kind struct {
			Type string `json:"type"`
		}
		var err error
		if err = json.Unmarshal([]byte(l), &kind); err == nil {
			switch kind.Type {
			case "start":
				err = json.Unmarshal([]byte(l), &x.start)
			case "packet", "command", "timer":
				var g trace.Passage
				err = json.Unmarshal([]byte(l), &g)
				x.passages = append(x.passages, g)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// packet returns what is told of a packet.
func (x *told) packet(n int) *trace.Passage {
	return &x.passages[slices.IndexFunc(x.passages, func(g trace.Passage) bool { return g.N == n })]
}

// stepTexts are what a passage's steps say, with the verdict before.
func stepTexts(g *trace.Passage) (all []string) {
	for _, s := range g.Steps {
		all = append(all, s.Func+s.Verdict+s.Text)
	}
	return all
}

// servers are the servers of all services after a number of passages, as the
// page shows them.
func (x *told) servers(passages int) (rows []string) {
	now := map[string]trace.Service{}
	var order []string
	set := func(all []trace.Service) {
		for _, s := range all {
			if _, ok := now[s.Key]; !ok {
				order = append(order, s.Key)
			}
			now[s.Key] = s
		}
	}
	set(x.start.Services)
	for _, g := range x.passages[:passages] {
		set(g.Services)
		for _, k := range g.Gone {
			delete(now, k)
		}
	}
	for _, k := range order {
		for _, d := range now[k].Servers {
			rows = append(rows, fmt.Sprintf("%s%s%d%d%d%d%d", d.Address, d.Forward, d.Weight, d.Active, d.Inactive, d.Stats.InPkts, d.Stats.OutPkts))
		}
	}
	return rows
}

// conns are the connections after a number of passages, by id.
func (x *told) conns(passages int) []string {
	now := map[int]string{}
	for _, g := range x.passages[:passages] {
		for _, c := range g.Conns {
			now[c.ID] = fmt.Sprintf("#%d %s %s → %s → %s", c.ID, c.State, c.Client, c.Virtual, c.Dest)
		}
		for _, id := range g.Ended {
			delete(now, id)
		}
	}
	return slices.Sorted(maps.Values(now))
}

func (b *tab) conns() []string {
	b.Helper()
	rows := eval[[]string](b, `[...document.querySelectorAll(".conn")].map((e) => e.lastChild.textContent.split(" ")[0] + " " + e.children[2].textContent + " " + e.children[3].textContent)`)
	slices.Sort(rows)
	return rows
}

const serverRows = "#services tbody tr"

// A click on a packet and steps through it say what explain --json says.
func TestWalk(t *testing.T) {
	const name = "nat-syn-ports"
	x := parseLines(t, jsonLines(t, name))
	b := open(t, pageOf(t, name), "", 1440, 900)
	b.want("title", b.one("#title"), name)
	b.want("count", b.one("#count"), fmt.Sprintf("%d packets", len(x.passages)))
	b.want("at first", b.hash(), "#packet=1&step=1")
	b.click("#row-2")
	g := x.packet(3)
	b.want("after the click", b.hash(), "#packet=3&step=1")
	b.want("summary", b.one("#banner .summary"), g.Summary)
	b.has("fate", b.one("#banner .fate"), g.Text)
	if d := cmp.Diff(stepTexts(g), b.text("#steps li button")); d != "" {
		t.Errorf("steps of explain --json (-), of the page (+):\n%s", d)
	}
	for k, s := range g.Steps {
		if k > 0 {
			b.click("#next")
		}
		b.want("address", b.hash(), fmt.Sprintf("#packet=3&step=%d", k+1))
		b.has("said", b.one("#card .said"), s.Text)
		b.want("function", b.one("#card code"), s.Func)
		doc, _ := trace.Lookup(s.Reason)
		b.has("reason", b.one("#card .reason"), string(s.Reason))
		b.has("reason's advice", b.one("#card .reason"), doc.Advice)
		for _, c := range s.Changes {
			b.has("change", strings.Join(b.text("#card .changes td"), "\n"), c.Old+" → "+c.New)
			b.has("header", strings.Join(b.text("#headers .changed"), "\n"), c.Field+c.Old+" → "+c.New)
		}
		if s.Hook != "" {
			b.want("place", eval[string](b, `document.querySelector(".cell.now").dataset.hook`), fmt.Sprintf("%s %d", s.Point, s.Priority))
		}
	}
	b.want("out", b.text(".device")[1], g.Outputs[0].Interface)
	b.click("#next")
	b.want("after the last step", b.hash(), "#packet=4&step=1")
	b.click("#back")
	b.want("and back", b.hash(), fmt.Sprintf("#packet=3&step=%d", len(g.Steps)))
	b.click("#steps li:nth-child(2) button")
	b.want("by a click on a step", b.hash(), "#packet=3&step=2")
}

// The hooks in the picture are those of hooks.Places.
func TestPicture(t *testing.T) {
	x := parseLines(t, jsonLines(t, "nat-syn-ports"))
	for _, width := range []int{1440, 390} {
		b := open(t, pageOf(t, "nat-syn-ports"), "", width, 900)
		var want []string
		for _, h := range x.start.Hooks {
			want = append(want, fmt.Sprintf("%s %d %s (%s): %s", h.Point, h.Priority, h.Name, h.Func, h.Purpose))
		}
		got := b.text(".cell title")
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("hooks (-), picture (+):\n%s", d)
		}
	}
}

// The tables are at each moment what the lines up to there say, wherever the
// slider is put.
func TestSlider(t *testing.T) {
	for _, name := range []string{"nat-syn-ports", "persist-dest-deleted-expire", "state-tcp-server-close"} {
		t.Run(name, func(t *testing.T) {
			x := parseLines(t, jsonLines(t, name))
			b := open(t, pageOf(t, name), "", 1440, 2400)
			last := len(x.passages) - 1
			for _, i := range []int{last, 0, last / 2, 1, last - 1} {
				b.do(fmt.Sprintf(` const s = document.getElementById("slider"); s.value = %d; s.dispatchEvent(new Event("input")); `, i))
				b.has("clock", b.one("#clock"), fmt.Sprintf("%.6f s", float64(x.passages[i].Time)/1e9))
				b.want("summary", b.one("#banner .summary"), x.passages[i].Summary)
				if d := cmp.Diff(x.servers(i+1), b.text(serverRows)); d != "" {
					t.Errorf("moment %d: servers of explain --json (-), of the page (+):\n%s", i, d)
				}
				if want := x.conns(i + 1); len(want) <= 8 {
					if d := cmp.Diff(want, b.conns()); d != "" {
						t.Errorf("moment %d: connections of explain --json (-), of the page (+):\n%s", i, d)
					}
				} else {
					b.want("connections", b.one("#conns-count"), fmt.Sprint(len(want)))
				}
			}
		})
	}
}

func TestKeyboard(t *testing.T) {
	const name = "nat-syn-ports"
	x := parseLines(t, jsonLines(t, name))
	b := open(t, pageOf(t, name), "#packet=5&step=3", 1440, 900)
	b.want("the link", b.hash(), "#packet=5&step=3")
	b.has("the link", b.one("#banner"), "Packet 5")
	for _, c := range []struct {
		keys []string
		want string
	}{
		{[]string{"ArrowRight"}, "#packet=5&step=4"},
		{[]string{"ArrowLeft", "ArrowLeft"}, "#packet=5&step=2"},
		{[]string{"ArrowDown"}, "#packet=6&step=1"},
		{[]string{"ArrowUp", "ArrowUp"}, "#packet=4&step=1"},
		{[]string{"End"}, fmt.Sprintf("#packet=%d&step=1", x.passages[len(x.passages)-1].N)},
		{[]string{"Home"}, "#packet=1&step=1"},
		{[]string{"PageDown"}, "#packet=11&step=1"},
		{[]string{"PageUp"}, "#packet=1&step=1"},
		{[]string{"ArrowLeft"}, "#packet=1&step=1"},
	} {
		b.press(c.keys...)
		b.want(fmt.Sprintf("after %q", c.keys), b.hash(), c.want)
	}
	b.press("?")
	b.want("help", fmt.Sprint(eval[bool](b, `document.getElementById("keys").open`)), "true")
	b.press("Escape")
	b.wait(`!document.getElementById("keys").open && document.activeElement.id === "list"`)
	b.press(" ")
	b.wait(`location.hash === "#packet=1&step=3"`)
	b.want("the play button", eval[string](b, `document.getElementById("play").getAttribute("aria-label")`), "Pause")
	b.press(" ")
	b.want("the play button", eval[string](b, `document.getElementById("play").getAttribute("aria-label")`), "Play")
	b.do(`location.hash = "#packet=9&step=2"`)
	b.wait(`document.querySelector("#banner").textContent.includes("Packet 9")`)
}

func TestSearch(t *testing.T) {
	const name = "icmp-rs-errors-tcp"
	x := parseLines(t, jsonLines(t, name))
	lost := 0
	var icmp []int
	for _, g := range x.passages {
		if g.Outcome == trace.Gone {
			lost++
		}
		if g.Type == "packet" && strings.Contains(strings.ToLower(g.Summary), "icmp") {
			icmp = append(icmp, g.N)
		}
	}
	if len(icmp) == 0 {
		t.Fatal("the case has no ICMP")
	}
	b := open(t, pageOf(t, name), "", 1440, 2400)
	b.press("/")
	b.want("focus", eval[string](b, "document.activeElement.id"), "search")
	b.typeText("> icmp TTL")
	b.wait(`document.getElementById("count").textContent.includes(" of ")`)
	b.has("found", b.one("#count"), fmt.Sprintf("%d of %d", len(icmp), len(x.passages)))
	b.want("the first found", b.hash(), fmt.Sprintf("#packet=%d&step=1", icmp[0]))
	// Rows that would not be seen are not there.
	if got := len(b.text(".row")); got < len(icmp)/2 || got > len(icmp) {
		t.Errorf("%d rows for %d that were found", got, len(icmp))
	}
	b.typeText("xyzzy")
	b.has("found", b.one("#count"), "0 of")
	b.press("Escape")
	b.want("search after Escape", eval[string](b, `document.getElementById("search").value`), "")
	if lost > 0 {
		b.click("button.chip.lost")
		b.has("lost", b.one("#count"), fmt.Sprintf("%d of", lost))
	}
}

// What can be seen has a name for those who can't see, and can be reached.
func TestAccessible(t *testing.T) {
	b := open(t, pageWithPlayground(t, "nat-syn-ports"), "", 1440, 900)
	b.click("#play-toggle")
	nameless := eval[[]string](b, `[...document.querySelectorAll("button, input, textarea, select, canvas, svg[role], [role=listbox]")].filter((e) =>
		!e.closest("[aria-hidden]") && !e.textContent.trim() && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby") && !(e.labels && e.labels.length)).map((e) => e.outerHTML.slice(0, 80))`)
	if len(nameless) > 0 {
		t.Errorf("without a name: %q", nameless)
	}
	b.press("ArrowDown")
	if got := eval[string](b, `document.getElementById(document.getElementById("list").getAttribute("aria-activedescendant")).getAttribute("aria-selected")`); got != "true" {
		t.Errorf("the list's active row is not selected: %q", got)
	}
}
