package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// toldPage serves a page that is told while it is shown: of what is sent to it.
func toldPage(t *testing.T, keep int) (url string, lines chan<- string) {
	t.Helper()
	p := New("live")
	p.Keep = keep
	html := written(t, p)
	all := make(chan string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(html)
		case "/lines":
			for {
				select {
				case l, ok := <-all:
					if !ok {
						return
					}
					_, _ = fmt.Fprint(w, l)
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, all
}

// A page that is told while it is shown follows, unless somebody looks at an older
// packet; the oldest leave, and it says so.
func TestLive(t *testing.T) {
	const keep = 100
	url, lines := toldPage(t, keep)
	say := func(s string) {
		select {
		case lines <- s:
		case <-time.After(5 * time.Minute):
			t.Fatal("the page doesn't ask for lines")
		}
	}
	var start string
	var packets []string
	for l := range strings.Lines(jsonLines(t, "nat-syn-ports")) {
		switch {
		case strings.HasPrefix(l, `{"type":"start"`):
			start = l
		case strings.HasPrefix(l, `{"type":"packet"`):
			packets = append(packets, l)
		}
	}
	// packet is the n-th packet of a director that sees the same ones again and
	// again.
	packet := func(n int) string {
		l := packets[(n-1)%len(packets)]
		_, rest, _ := strings.Cut(l, `,"time":`)
		return fmt.Sprintf(`{"type":"packet","n":%d,"time":%s`, n, rest)
	}
	go func() { lines <- start }()
	b := openURL(t, url, 1440, 900)
	b.want("follows at first", b.text("#follow[aria-pressed=true]")[0], " Live")
	say(packet(1) + packet(2))
	b.wait(`document.querySelector("#banner strong")?.textContent === "Packet 2"`)
	b.want("the last step", b.one("#clock")[:len("packet 2 of 2")], "packet 2 of 2")
	if n := eval[int](b, `document.querySelectorAll("#steps .now ~ li").length`); n != 0 {
		t.Errorf("%d steps come after the one that is shown", n)
	}
	say(packet(3)[:100])
	say(packet(3)[100:])
	b.wait(`document.querySelector("#banner strong").textContent === "Packet 3"`)
	b.shot("live.png")

	// Who looks at an older packet stays there.
	b.click("#row-0")
	b.want("looked at", b.one("#banner strong"), "Packet 1")
	say(packet(4))
	b.wait(`document.getElementById("count").textContent === "4 packets"`)
	b.want("looked at still", b.one("#banner strong"), "Packet 1")
	b.has("the address", b.hash(), "packet=1")
	b.click("#follow")
	b.want("followed again", b.one("#banner strong"), "Packet 4")

	// The oldest leave; what stays is as it was.
	b.do(`location.hash = "packet=3"`)
	for n := 5; n <= keep+1; n++ {
		say(packet(n))
	}
	b.wait(`document.getElementById("notice").textContent.includes("older packets have left the page")`)
	const left = keep/10 + 1
	b.want("said", b.one("#notice"), fmt.Sprintf("%d older packets have left the page", left))
	b.want("kept", b.one("#count"), fmt.Sprintf("%d packets", keep-keep/10))
	b.press("End")
	b.want("the newest", b.one("#clock")[:len("packet 101 of 101")], "packet 101 of 101")
	b.press("Home")
	b.want("the oldest", b.one("#banner strong"), fmt.Sprintf("Packet %d", left+1))
	if n := len(b.text("#services table")); n == 0 {
		t.Error("no services after the oldest left")
	}
	say(`{"type":"services","time":9,"services":[{"key":"TCP 203.0.113.99:80","scheduler":"rr","stats":{"conns":0,"in_pkts":0,"out_pkts":0,"in_bytes":0,"out_bytes":0},"servers":[]}]}` + "\n")
	b.press("End")
	b.click("#follow")
	b.wait(`document.getElementById("services").textContent.includes("203.0.113.99")`)
	say(`{"type":"lost","time":9,"packets":12}` + "\n" + packet(102))
	b.wait(`document.getElementById("notice").textContent.includes("12 packets not told of")`)
	say(`{"type":"end","time":10,"packets":102,"outputs":0,"notes":["the daemon has ended"]}` + "\n")
	close(lines)
	b.wait(`document.getElementById("notice").textContent.includes("the trace has ended: the daemon has ended")`)
	if !eval[bool](b, `document.getElementById("follow").disabled`) {
		t.Error("the page still offers to follow")
	}
}

// Where there is no daemon the page says so.
func TestLiveNobody(t *testing.T) {
	p := New("live")
	p.Keep = 100
	html := written(t, p)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "nobody is there", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(html)
	}))
	defer s.Close()
	b := openURL(t, s.URL+"/?", 800, 600)
	b.wait(`document.getElementById("notice").textContent.includes("nobody is there")`)
}
