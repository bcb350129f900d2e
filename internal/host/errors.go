package host

import "errors"

// What configuration and sending can answer: errno(3)'s texts, and those of the
// kernel's explanations that ip(8) prints.
var (
	ErrNoDevice           = errors.New("Cannot find device")
	ErrExists             = errors.New("File exists")
	ErrInvalid            = errors.New("Invalid argument")
	ErrGateway            = errors.New("Nexthop has invalid gateway")
	ErrDown               = errors.New("Network is down")
	ErrAddressUnavailable = errors.New("Cannot assign requested address")
	ErrUnreachable        = errors.New("Network is unreachable")
	ErrNoHost             = errors.New("No route to host")
	ErrDenied             = errors.New("Permission denied")
	ErrMessageSize        = errors.New("Message too long")
)
