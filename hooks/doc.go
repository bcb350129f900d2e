// Package hooks is ip_vs at netfilter's hooks: what it decides about a packet
// at LOCAL_IN, LOCAL_OUT and FORWARD.
//
//	LOCAL_IN    98 Reply          99 RemoteRequest
//	LOCAL_OUT  -99 LocalReply    -98 LocalRequest
//	FORWARD     99 ForwardICMP   100 Reply
//
// Both requests are one function, both replies another: the twins of
// ip_vs_in_hook and ip_vs_out_hook. A Director is one instance: its services, connections and
// settings; the machine around it is an xmit.Stack.
package hooks
