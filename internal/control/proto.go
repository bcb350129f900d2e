package control

// FamilyName is the name of the IPVS generic-netlink family.
const FamilyName = "IPVS"

// FamilyID is the message type of the IPVS family here, in place of one that
// the kernel allots: the last there is, which kernels reach last.
const FamilyID = 1023

// The family's commands.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_CMD_* (6.1).
const (
	CmdNewService = 1 + iota
	CmdSetService
	CmdDelService
	CmdGetService
	CmdNewDest
	CmdSetDest
	CmdDelDest
	CmdGetDest
	CmdNewDaemon
	CmdDelDaemon
	CmdGetDaemon
	CmdSetConfig
	CmdGetConfig
	CmdSetInfo
	CmdGetInfo
	CmdZero
	CmdFlush
)

// The attributes of commands.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_CMD_ATTR_* (6.1).
const (
	CmdAttrService = 1 + iota
	CmdAttrDest
	CmdAttrDaemon
	CmdAttrTimeoutTCP
	CmdAttrTimeoutTCPFin
	CmdAttrTimeoutUDP
	cmdAttrMax = CmdAttrTimeoutUDP
)

// The attributes of a service.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_SVC_ATTR_* (6.1).
const (
	SvcAttrAF = 1 + iota
	SvcAttrProtocol
	SvcAttrAddr
	SvcAttrPort
	SvcAttrFWMark
	SvcAttrSchedName
	SvcAttrFlags
	SvcAttrTimeout
	SvcAttrNetmask
	SvcAttrStats
	SvcAttrPEName
	SvcAttrStats64
)

// The attributes of a server.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_DEST_ATTR_* (6.1).
const (
	DestAttrAddr = 1 + iota
	DestAttrPort
	DestAttrFwdMethod
	DestAttrWeight
	DestAttrUThresh
	DestAttrLThresh
	DestAttrActiveConns
	DestAttrInactConns
	DestAttrPersistConns
	DestAttrStats
	DestAttrAddrFamily
	DestAttrStats64
	DestAttrTunType
	DestAttrTunPort
	DestAttrTunFlags
)

// The attributes of a sync daemon.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_DAEMON_ATTR_* (6.1).
const (
	DaemonAttrState = 1 + iota
	DaemonAttrMcastIfn
	DaemonAttrSyncID
	DaemonAttrSyncMaxlen
	DaemonAttrMcastGroup
	DaemonAttrMcastGroup6
	DaemonAttrMcastPort
	DaemonAttrMcastTTL
)

// The attributes of statistics.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_STATS_ATTR_* (6.1).
const (
	StatsAttrConns = 1 + iota
	StatsAttrInPkts
	StatsAttrOutPkts
	StatsAttrInBytes
	StatsAttrOutBytes
	StatsAttrCPS
	StatsAttrInPPS
	StatsAttrOutPPS
	StatsAttrInBPS
	StatsAttrOutBPS
	statsAttrPad
)

// The attributes of general information.
//
// Kernel: include/uapi/linux/ip_vs.h, IPVS_INFO_ATTR_* (6.1).
const (
	InfoAttrVersion = 1 + iota
	InfoAttrConnTabSize
)

// Version is the version of IPVS that the kernel's interface tells: 1.2.1.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_VERSION_CODE (6.1).
const Version = 0x010201

// Address families and flags as the kernel's interface numbers them.
const (
	afINET      = 2
	afINET6     = 10
	svcHashed   = 0x0002 // of a service: it is in the table
	fwdMask     = 0x0007 // of a server's connection flags: the forwarding method
	stateMaster = 1      // of a sync daemon
	stateBackup = 2
)

// The constants of netlink and generic netlink. They are the same on every
// architecture; package syscall has them for Linux alone.
//
// Kernel: include/uapi/linux/netlink.h, genetlink.h (6.1).
const (
	nlmsgError   = 2
	nlmsgDone    = 3
	nlmsgMinType = 16

	flagRequest = 0x001
	flagMulti   = 0x002
	flagAck     = 0x004
	flagEcho    = 0x008
	flagDump    = 0x300
	flagCapped  = 0x100 // of an acknowledgement: the request isn't quoted whole
	flagTells   = 0x200 // of an acknowledgement: attributes follow that tell more

	nlHeader   = 16
	genlHeader = 4
	attrHeader = 4

	ctrlID           = 16 // the family of the families, nlctrl
	ctrlNewFamily    = 1
	ctrlGetFamily    = 3
	ctrlGetPolicy    = 10
	ctrlVersion      = 2
	ctrlAttrID       = 1
	ctrlAttrName     = 2
	ctrlAttrVersion  = 3
	ctrlAttrHdrSize  = 4
	ctrlAttrMaxAttr  = 5
	ctrlAttrOps      = 6
	ctrlAttrPolicy   = 8
	ctrlAttrOpPolicy = 9
	ctrlAttrOp       = 10
	ctrlAttrPolicyDo = 1
	ctrlAttrOpID     = 1
	ctrlAttrOpFlags  = 2
	opAdmin          = 0x01
	opDo             = 0x02
	opDump           = 0x04
	opHasPolicy      = 0x08
	familyVersion    = 1
	familyNameMax    = 15
	schedNameMax     = 15
	peNameMax        = 16
	ifNameMax        = 15
)

// Of acknowledgements that tell more, and of policies that are told.
//
// Kernel: include/uapi/linux/netlink.h, NLMSGERR_ATTR_*, NL_POLICY_TYPE_ATTR_*,
// enum netlink_attribute_type (6.1).
const (
	ackAttrText   = 1
	ackAttrAt     = 2
	ackAttrPolicy = 4

	policyAttrType   = 1
	policyAttrMin    = 4
	policyAttrMax    = 5
	policyAttrMaxLen = 7

	policyU8        = 2 // and on to that of 64 bits
	policyBinary    = 10
	policyNulString = 12
	policyNested    = 13
)
