package host

import "errors"

// What configuration and sending can answer, in the words of ip(8) and
// errno(3).
var (
	ErrNoDevice           = errors.New("Cannot find device")
	ErrExists             = errors.New("File exists")
	ErrInvalid            = errors.New("Invalid argument")
	ErrGateway            = errors.New("Nexthop has invalid gateway.")
	ErrDown               = errors.New("Network is down")
	ErrAddressUnavailable = errors.New("Cannot assign requested address")
	ErrUnreachable        = errors.New("Network is unreachable")
	ErrMessageSize        = errors.New("Message too long")
)
