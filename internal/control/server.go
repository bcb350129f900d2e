package control

// Server serves an Engine on a Unix socket.
type Server struct{}

// Listen makes the socket at path, with mode 0600, and returns its server. A
// socket that nobody listens on any more is replaced; where somebody does, it
// fails with syscall.EADDRINUSE.
func Listen(path string, e *Engine) (*Server, error) { return nil, nil }

// Serve accepts clients until Close and then returns nil.
func (s *Server) Serve() error { return nil }

// Close removes the socket, ends all connections and waits for their
// goroutines.
func (s *Server) Close() error { return nil }

// Dial connects to the daemon at path.
func Dial(path string) (Conn, error) { return nil, nil }
