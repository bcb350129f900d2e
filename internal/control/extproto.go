package control

// goipvs's own commands, which no kernel has.
const (
	// CmdGetProc dumps the text of a file of /proc/net: the request names it in
	// ExtName, each answer has a piece of the text in ExtText.
	CmdGetProc = 200 + iota
	// CmdGetSetting asks for the setting in ExtName, or dumps all; answers have
	// ExtName and ExtText.
	CmdGetSetting
	// CmdSetSetting sets ExtName to ExtText.
	CmdSetSetting
	// CmdGetSockopt and CmdSetSockopt carry the old interface; see sockrelay.go.
	CmdGetSockopt
	CmdSetSockopt
	// CmdGetConns dumps the connections that ExtFilter means, each in an
	// ExtConn.
	CmdGetConns
	// CmdDelConns ends the connections that ExtFilter means; without one it is
	// EINVAL. The answer has ExtGone and ExtKept.
	CmdDelConns
	// CmdGetOptions asks for the options of ExtService, or those for all
	// services; the answer has ExtOptions.
	CmdGetOptions
	// CmdSetOptions changes those options of ExtService, or for all services,
	// that ExtOptions has. For all there is OptFlushUDP alone.
	CmdSetOptions
)

// The attributes of goipvs's own commands. Names and texts aren't terminated by a
// zero octet.
const (
	ExtName = 1 + iota
	ExtText
	ExtOption  // u32: of CmdGetSockopt and CmdSetSockopt; of CmdTrace: 1
	ExtLength  // u32
	ExtConn    // nested: ConnAttr*
	ExtFilter  // nested: Filter*
	ExtOptions // nested: Opt*
	ExtService // nested: a service's key in SvcAttr*
	ExtGone    // u64: connections that were ended
	ExtKept    // u64: that were not, because they control others
	ExtCount   // u32: of CmdTrace
)

// The attributes of a connection. Times are in milliseconds.
const (
	ConnAttrFamily     = 1 + iota // u16, as AF_INET and AF_INET6
	ConnAttrProtocol              // u16
	ConnAttrClient                // 16 octets, of IPv4 the first four
	ConnAttrClientPort            // u16 in network order
	ConnAttrVirtual
	ConnAttrVirtualPort
	ConnAttrDestFamily
	ConnAttrDest
	ConnAttrDestPort
	ConnAttrState    // the kernel's word, terminated
	ConnAttrFlags    // u32, IP_VS_CONN_F_*
	ConnAttrExpires  // u64
	ConnAttrTimeout  // u64: what the timer is set to with each packet
	ConnAttrAge      // u64
	ConnAttrInPkts   // u32
	ConnAttrService  // nested: the key of the service that the server is of; absent without a server
	ConnAttrGone     // u8: 1 if the server was deleted
	ConnAttrPEName   // terminated
	ConnAttrPEData   // octets
	ConnAttrRef      // u32: its number
	ConnAttrControl  // u32: the number of what controls it
	ConnAttrNControl // u32: how many it controls
)

// The attributes of a filter, all of which a connection has to meet. Times are in
// milliseconds.
const (
	FilterService    = 1 + iota // nested: a service's key
	FilterServer                // nested: DestAttrAddrFamily, DestAttrAddr, DestAttrPort, with port 0 any
	FilterFamily                // u16: of FilterClient
	FilterClient                // 16 octets
	FilterClientBits            // u8: so many of them count
	FilterClientPort            // u16 in network order
	FilterProtocol              // u16
	FilterState                 // terminated
	FilterMinAge                // u64
	FilterMaxAge                // u64
	FilterMinIdle               // u64: since its last packet
	FilterGone                  // u8: 1 means connections of deleted servers alone
	FilterKind                  // u8: 1 connections, 2 templates alone
	FilterLimit                 // u32: lists no more than so many
)

// The options of a service.
const (
	OptTCP      = 1 + iota // u32: seconds; 0: those of ipvsadm --set
	OptTCPFin              // u32
	OptUDP                 // u32
	OptFlushUDP            // u8: 1 if UDP connections end with their server
)

// The rules of goipvs's own attributes. What has lists of its own is held
// against them strictly: what isn't understood must not be passed over.
var (
	extPolicy = policy{
		ExtName:    {atMost, maxExpr},
		ExtText:    {atMost, 0},
		ExtOption:  {fixed, 4},
		ExtLength:  {fixed, 4},
		ExtConn:    {nested, 0},
		ExtFilter:  {nested, 0},
		ExtOptions: {nested, 0},
		ExtService: {nested, 0},
		ExtGone:    {fixed, 8},
		ExtKept:    {fixed, 8},
		ExtCount:   {fixed, 4},
	}
	connPolicy = policy{
		ConnAttrFamily:      {fixed, 2},
		ConnAttrProtocol:    {fixed, 2},
		ConnAttrClient:      {atMost, 16},
		ConnAttrClientPort:  {fixed, 2},
		ConnAttrVirtual:     {atMost, 16},
		ConnAttrVirtualPort: {fixed, 2},
		ConnAttrDestFamily:  {fixed, 2},
		ConnAttrDest:        {atMost, 16},
		ConnAttrDestPort:    {fixed, 2},
		ConnAttrState:       {nulString, 15},
		ConnAttrFlags:       {fixed, 4},
		ConnAttrExpires:     {fixed, 8},
		ConnAttrTimeout:     {fixed, 8},
		ConnAttrAge:         {fixed, 8},
		ConnAttrInPkts:      {fixed, 4},
		ConnAttrService:     {nested, 0},
		ConnAttrGone:        {fixed, 1},
		ConnAttrPEName:      {nulString, peNameMax},
		ConnAttrPEData:      {atMost, 255},
		ConnAttrRef:         {fixed, 4},
		ConnAttrControl:     {fixed, 4},
		ConnAttrNControl:    {fixed, 4},
	}
	filterPolicy = policy{
		FilterService:    {nested, 0},
		FilterServer:     {nested, 0},
		FilterFamily:     {fixed, 2},
		FilterClient:     {atMost, 16},
		FilterClientBits: {fixed, 1},
		FilterClientPort: {fixed, 2},
		FilterProtocol:   {fixed, 2},
		FilterState:      {nulString, 15},
		FilterMinAge:     {fixed, 8},
		FilterMaxAge:     {fixed, 8},
		FilterMinIdle:    {fixed, 8},
		FilterGone:       {fixed, 1},
		FilterKind:       {fixed, 1},
		FilterLimit:      {fixed, 4},
	}
	optPolicy = policy{
		OptTCP:      {fixed, 4},
		OptTCPFin:   {fixed, 4},
		OptUDP:      {fixed, 4},
		OptFlushUDP: {fixed, 1},
	}
)
