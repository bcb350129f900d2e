package ipvs

// The forwarding methods of a server (Destination.ConnectionFlags), and the mask
// of the bits they are in.
//
// Kernel: include/uapi/linux/ip_vs.h (6.1).
const (
	ConnectionFlagFwdMask     = 0x0007
	ConnectionFlagMasq        = 0x0000 // network address translation
	ConnectionFlagLocalNode   = 0x0001 // the director is the server
	ConnectionFlagTunnel      = 0x0002
	ConnectionFlagDirectRoute = 0x0003
)

// The same by other names, and cache_bypass.
const (
	ConnFwdMask        = 0x0007
	ConnFwdMasq        = 0x0000
	ConnFwdLocalNode   = 0x0001
	ConnFwdTunnel      = 0x0002
	ConnFwdDirectRoute = 0x0003
	ConnFwdBypass      = 0x0004
)

// Schedulers (Service.SchedName); goipvs has those of the kernel that aren't
// listed here, too.
const (
	RoundRobin              = "rr"
	LeastConnection         = "lc"
	DestinationHashing      = "dh"
	SourceHashing           = "sh"
	WeightedRoundRobin      = "wrr"
	WeightedLeastConnection = "wlc"
)

// The commands and attributes of the kernel's IPVS family that are used here.
//
// Kernel: include/uapi/linux/ip_vs.h (6.1).
const (
	cmdNewService = 1
	cmdSetService = 2
	cmdDelService = 3
	cmdGetService = 4
	cmdNewDest    = 5
	cmdSetDest    = 6
	cmdDelDest    = 7
	cmdGetDest    = 8
	cmdSetConfig  = 12
	cmdGetConfig  = 13
	cmdFlush      = 17

	attrService       = 1
	attrDest          = 2
	attrTimeoutTCP    = 4
	attrTimeoutTCPFin = 5
	attrTimeoutUDP    = 6

	svcFamily   = 1
	svcProtocol = 2
	svcAddress  = 3
	svcPort     = 4
	svcFWMark   = 5
	svcSched    = 6
	svcFlags    = 7
	svcTimeout  = 8
	svcNetmask  = 9
	svcStats    = 10
	svcPE       = 11

	destAddress  = 1
	destPort     = 2
	destForward  = 3
	destWeight   = 4
	destUpper    = 5
	destLower    = 6
	destActive   = 7
	destInactive = 8
	destStats    = 10
	destFamily   = 11

	statsConns    = 1
	statsInPkts   = 2
	statsOutPkts  = 3
	statsInBytes  = 4
	statsOutBytes = 5
	statsCPS      = 6
	statsInPPS    = 7
	statsOutPPS   = 8
	statsInBPS    = 9
	statsOutBPS   = 10
)
