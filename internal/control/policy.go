package control

// The rules of the family's attributes.
//
// Kernel: ip_vs_ctl.c, ip_vs_cmd_policy and its fellows (6.1).
var (
	ctrlPolicy = policy{
		ctrlAttrID:   {fixed, 2},
		ctrlAttrName: {nulString, familyNameMax},
	}
	// Of ctrlGetPolicy, which is strict.
	ctrlPolicyPolicy = policy{
		ctrlAttrID:   {fixed, 2},
		ctrlAttrName: {nulString, familyNameMax},
		ctrlAttrOp:   {fixed, 4},
	}
	cmdPolicy = policy{
		CmdAttrService:       {nested, 0},
		CmdAttrDest:          {nested, 0},
		CmdAttrDaemon:        {nested, 0},
		CmdAttrTimeoutTCP:    {fixed, 4},
		CmdAttrTimeoutTCPFin: {fixed, 4},
		CmdAttrTimeoutUDP:    {fixed, 4},
	}
	svcPolicy = policy{
		SvcAttrAF:        {fixed, 2},
		SvcAttrProtocol:  {fixed, 2},
		SvcAttrAddr:      {atMost, 16},
		SvcAttrPort:      {fixed, 2},
		SvcAttrFWMark:    {fixed, 4},
		SvcAttrSchedName: {nulString, schedNameMax},
		SvcAttrFlags:     {atMost, 8},
		SvcAttrTimeout:   {fixed, 4},
		SvcAttrNetmask:   {fixed, 4},
		SvcAttrStats:     {nested, 0},
		SvcAttrPEName:    {nulString, peNameMax},
		SvcAttrStats64:   {unspec, 0},
	}
	destPolicy = policy{
		DestAttrAddr:         {atMost, 16},
		DestAttrPort:         {fixed, 2},
		DestAttrFwdMethod:    {fixed, 4},
		DestAttrWeight:       {fixed, 4},
		DestAttrUThresh:      {fixed, 4},
		DestAttrLThresh:      {fixed, 4},
		DestAttrActiveConns:  {fixed, 4},
		DestAttrInactConns:   {fixed, 4},
		DestAttrPersistConns: {fixed, 4},
		DestAttrStats:        {nested, 0},
		DestAttrAddrFamily:   {fixed, 2},
		DestAttrStats64:      {unspec, 0},
		DestAttrTunType:      {fixed, 1},
		DestAttrTunPort:      {fixed, 2},
		DestAttrTunFlags:     {fixed, 2},
	}
	daemonPolicy = policy{
		DaemonAttrState:       {fixed, 4},
		DaemonAttrMcastIfn:    {nulString, ifNameMax},
		DaemonAttrSyncID:      {fixed, 4},
		DaemonAttrSyncMaxlen:  {fixed, 2},
		DaemonAttrMcastGroup:  {fixed, 4},
		DaemonAttrMcastGroup6: {unspec, 16},
		DaemonAttrMcastPort:   {fixed, 2},
		DaemonAttrMcastTTL:    {fixed, 1},
	}
	infoPolicy = policy{
		InfoAttrVersion:     {fixed, 4},
		InfoAttrConnTabSize: {fixed, 4},
	}
	statsPolicy = policy{
		StatsAttrConns:    {fixed, 4},
		StatsAttrInPkts:   {fixed, 4},
		StatsAttrOutPkts:  {fixed, 4},
		StatsAttrInBytes:  {fixed, 8},
		StatsAttrOutBytes: {fixed, 8},
		StatsAttrCPS:      {fixed, 4},
		StatsAttrInPPS:    {fixed, 4},
		StatsAttrOutPPS:   {fixed, 4},
		StatsAttrInBPS:    {fixed, 4},
		StatsAttrOutBPS:   {fixed, 4},
	}
)
