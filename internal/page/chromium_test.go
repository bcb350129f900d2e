package page

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// chromium is a browser without a window, spoken to in the DevTools protocol
// through pipes: JSON objects, each with a zero octet behind it.
type chromium struct {
	cmd    *exec.Cmd
	dir    string
	to     io.WriteCloser
	ended  chan struct{} // closed when the browser has hung up
	mu     sync.Mutex
	next   int
	wait   map[int]chan message
	events map[string]func(message) // by session
}

// message is what goes over the pipes, either way.
type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    any             `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// theBrowser is the one of all tests.
var theBrowser = sync.OnceValues(startChromium)

func TestMain(m *testing.M) {
	code := m.Run()
	if started {
		if b, err := theBrowser(); err == nil {
			b.stop()
		}
	}
	os.Exit(code)
}

var started bool // whether theBrowser was

// startChromium starts it with Debian's flags for a machine without a screen,
// and with nothing that asks the network.
func startChromium() (*chromium, error) {
	started = true
	dir, err := os.MkdirTemp("", "goipvs-chromium")
	if err != nil {
		return nil, err
	}
	hear, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--remote-debugging-pipe", "--user-data-dir="+dir)
	cmd.ExtraFiles = []*os.File{hear, say}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	hear.Close()
	say.Close()
	c := &chromium{cmd: cmd, dir: dir, to: to, ended: make(chan struct{}), wait: map[int]chan message{}, events: map[string]func(message){}}
	go c.read(from)
	return c, nil
}

func (c *chromium) read(from *os.File) {
	defer close(c.ended)
	defer from.Close()
	r := bufio.NewReader(from)
	for {
		b, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(b[:len(b)-1], &m) != nil {
			return
		}
		c.mu.Lock()
		answered, event := c.wait[m.ID], c.events[m.SessionID]
		delete(c.wait, m.ID)
		c.mu.Unlock()
		switch {
		case answered != nil:
			answered <- m
		case m.ID == 0 && event != nil:
			event(m)
		}
	}
}

// call calls a method, and puts its result into result unless that is nil.
func (c *chromium) call(session, method string, params, result any) error {
	c.mu.Lock()
	c.next++
	id, answer := c.next, make(chan message, 1)
	c.wait[id] = answer
	b, err := json.Marshal(message{ID: id, SessionID: session, Method: method, Params: params})
	if err == nil {
		_, err = c.to.Write(append(b, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-c.ended:
		return fmt.Errorf("%s: chromium has ended", method)
	case <-time.After(6 * time.Minute):
		return fmt.Errorf("%s: no answer in six minutes", method)
	}
}

// stop ends the browser, and takes away what it has written.
func (c *chromium) stop() {
	if c.call("", "Browser.close", nil, nil) != nil {
		c.cmd.Process.Kill()
	}
	<-c.ended
	c.cmd.Wait()
	c.to.Close()
	os.RemoveAll(c.dir)
}
