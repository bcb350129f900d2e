//go:build !linux

package control

import (
	"errors"
	"fmt"
)

var errNoSocket = fmt.Errorf("control socket: %w on this system", errors.ErrUnsupported)

// Server serves an Engine on a Unix socket, on Linux.
type Server struct{}

// Listen fails: sockets of packets are Linux's.
func Listen(path string, e *Engine) (*Server, error) { return nil, errNoSocket }

// Serve fails.
func (s *Server) Serve() error { return errNoSocket }

// Close does nothing.
func (s *Server) Close() error { return nil }

// Dial fails.
func Dial(path string) (Conn, error) { return nil, errNoSocket }

// ErrNoKernel is that the kernel has no ip_vs.
var ErrNoKernel = errors.New("the kernel has no ip_vs")

// DialKernel fails.
func DialKernel() (Conn, error) { return nil, ErrNoKernel }
