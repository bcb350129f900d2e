package sched

import "errors"

// What a change to the table can fail with. internal/control maps them to the
// errno that the kernel returns and ipvsadm to its texts.
var (
	ErrServiceExists = errors.New("service already exists")                    // EEXIST
	ErrNoService     = errors.New("service not defined")                       // ESRCH
	ErrNoScheduler   = errors.New("scheduler or persistence engine not found") // ENOENT
	ErrDestExists    = errors.New("destination already exists")                // EEXIST
	ErrNoDest        = errors.New("no such destination")                       // ENOENT
	ErrInvalid       = errors.New("invalid argument")                          // EINVAL
	ErrRange         = errors.New("numerical result out of range")             // ERANGE
)
