package ipvsadm

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// exit is an error that ends the program, even amidst restoring.
type exit struct {
	code int
	text string // for standard error, with its newlines
}

func (e *exit) Error() string { return strings.TrimSuffix(e.text, "\n") }

// fail is the end for wrong usage.
func fail(format string, args ...any) error {
	return &exit{exitUsage, fmt.Sprintf(format, args...) + "\n"}
}

// The exit codes of ipvsadm. What the engine or popt refuse is -1, in eight
// bits.
const (
	exitList    = 1
	exitUsage   = 2
	exitRefused = 255
)

// call says what was asked of the engine, for the text of the error.
type call uint8

const (
	callOther call = iota
	callAddService
	callEditService
	callDelService
	callZero
	callAddDest
	callEditDest
	callDelDest
	callStartDaemon
	callStopDaemon
	callGet
)

// errorTexts are ipvsadm's words for the kernel's errors, by what was asked;
// those of callOther go for all that have none of their own.
var errorTexts = map[call]map[syscall.Errno]string{
	callAddService: {
		syscall.EEXIST: "Service already exists",
		syscall.ENOENT: "Scheduler or persistence engine not found",
	},
	callEditService: {
		syscall.ESRCH:  "No such service",
		syscall.ENOENT: "Scheduler or persistence engine not found",
	},
	callDelService: {syscall.ESRCH: "No such service"},
	callZero:       {syscall.ESRCH: "No such service"},
	callAddDest: {
		syscall.ESRCH:  "Service not defined",
		syscall.EEXIST: "Destination already exists",
	},
	callEditDest: {
		syscall.ESRCH:  "Service not defined",
		syscall.ENOENT: "No such destination",
	},
	callDelDest: {
		syscall.ESRCH:  "Service not defined",
		syscall.ENOENT: "No such destination",
	},
	callStartDaemon: {syscall.EEXIST: "Daemon has already run"},
	callStopDaemon:  {syscall.ESRCH: "No daemon is running"},
	callGet:         {syscall.ESRCH: "No such service"},
	callOther: {
		syscall.EPERM:        "Permission denied (you must be root)",
		syscall.EINVAL:       "Invalid operation.  Possibly wrong module version, address not unicast, ...",
		syscall.ENOPROTOOPT:  "Protocol not available",
		syscall.ENOMEM:       "Memory allocation problem",
		syscall.EOPNOTSUPP:   "Operation not supported with IPv6",
		syscall.EAFNOSUPPORT: "Operation not supported with specified address family",
		syscall.EMSGSIZE:     "Module is wrong version",
	},
}

// errorText returns the text for an error of the engine.
func errorText(c call, err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	for _, c := range []call{c, callOther} {
		if s := errorTexts[c][errno]; s != "" {
			return s
		}
	}
	return strerror(errno)
}

// strerror is the C library's text, which begins with a capital.
func strerror(e syscall.Errno) string {
	s := e.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
