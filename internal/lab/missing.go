package lab

import (
	"errors"

	"golang.org/x/sys/unix"
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
