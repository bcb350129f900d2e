package control

import "sync"

// turns lets one request after the other through a connection. What fails on the
// way leaves answers in the socket that nobody asked for; so the connection is of
// no use any more, and every later request fails in the same way.
type turns struct {
	mu  sync.Mutex // held for a request
	err error      // what broke the connection
}

// request has exchange send msg and take all of its answers in, which go to answer
// until that fails.
func (t *turns) request(msg []byte, answer func([]byte) error, exchange func([]byte, func([]byte)) error) error {
	if err := checkRequest(msg); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	var bad error
	t.err = exchange(msg, func(b []byte) {
		if bad == nil {
			bad = answer(b)
		}
	})
	if t.err != nil {
		return t.err
	}
	return bad
}
