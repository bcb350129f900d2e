package lab

import (
	"errors"

	"golang.org/x/sys/unix"

	"goipvs/internal/live/rules"
)

// MissingError says what this machine lacks that the laboratory needs.
type MissingError struct{ What string }

func (e *MissingError) Error() string { return e.What }

// unsupported turns the error that stands for "no such thing in this kernel"
// into one that says what is missing.
func unsupported(err error, what string) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return &MissingError{"the kernel has no " + what}
	}
	return err
}

// CanQueue finds out whether the kernel can hand packets over to a daemon on a
// host. Errors: *MissingError.
func CanQueue(n *Netns) error {
	return n.Do(func() error {
		t, err := rules.Open(rules.Config{Queues: 1, Bit: 1})
		if err != nil {
			return &MissingError{err.Error()}
		}
		return t.Close()
	})
}
