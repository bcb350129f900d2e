// Package engine measures the engine alone: packets through the hook functions
// of a director on a machine of which only routes are there.
//
//	Measure: ns a packet by method, with few connections and with many
//	         ns a new connection, octets a connection
//	         time and longest pause of a collection
//	         longest pause of a packet loop while connections are made,
//	         used and expire in the background
//	Compare: the same for this program and for another, in turns
//
// It uses nothing of the engine but what all its versions have, so that an
// older one can be measured by the same program (make bench AGAINST=commit).
package engine
