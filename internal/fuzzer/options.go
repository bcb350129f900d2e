package fuzzer

// options4 are IPv4 options, whole and broken. There are no timestamps to be
// filled in: the kernel's clock isn't ours.
var options4 = [][]byte{
	{1, 1, 1, 0},                          // no operation, end of list
	{0x94, 4, 0, 0},                       // router alert
	{0x94, 4, 0, 5},                       // router alert with a value
	{0x94, 4, 0, 0, 0x94, 4, 0, 0},        // router alert twice
	{7, 7, 4, 0, 0, 0, 0, 0},              // record route: one place
	{7, 3, 4, 0},                          // record route: full
	{7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0}, // record route: the second place
	{7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0, 0}, // record route twice
	{7, 7, 5, 0, 0, 0, 0, 0},                         // record route amid an address
	{7, 7, 3, 0, 0, 0, 0, 0},                         // record route before the first
	{0x44, 8, 9, 0, 0, 0, 0, 0},                      // timestamps: no place, one is counted
	{0x44, 8, 9, 0xf0, 0, 0, 0, 0},                   // timestamps: no place, no count
	{0x44, 8, 9, 3, 0, 0, 0, 0},                      // timestamps of others: no place
	{0x44, 12, 5, 3, 198, 51, 100, 200, 0, 0, 0, 0},  // a timestamp of somebody else
	{0x44, 12, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0},         // timestamps amid an address
	{0x82, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},         // security
	{0x86, 6, 0, 0, 0, 1, 0, 0},                      // CIPSO
	{0x9e, 2, 1, 1},                                  // nobody's
	{0x83, 7, 4, 10, 1, 0, 11, 0},                    // loose source route to a server
	{0x83, 7, 4, 198, 51, 100, 3, 0},                 // loose source route to a client
	{0x83, 3, 4, 0},                                  // loose source route without addresses
	{0x83, 7, 8, 10, 1, 0, 11, 0},                    // loose source route at its end
	{0x89, 7, 8, 198, 51, 100, 9, 0},                 // strict source route at its end
	{0x94, 9, 0, 0},                                  // longer than the header
	{0x55, 1, 0, 0},                                  // too short
	{0, 7, 7, 7},                                     // end of list, then octets
	append([]byte{1, 7, 39, 4}, make([]byte, 36)...), // record route: as long as can be
}

// pad returns padding of n octets and its own two.
func pad(n int) []byte { return append([]byte{1, byte(n)}, make([]byte, n)...) }

// exts are IPv6 extension headers.
var exts = [][]ext{
	{{60, pad(4)}},
	{{60, pad(12)}},
	{{60, []byte{0x3e, 4, 1, 2, 3, 4}}}, // an option to be skipped
	{{60, []byte{0x7e, 4, 1, 2, 3, 4}}}, // an option to be dropped for
	{{0, pad(4)}},
	{{0, pad(4)}, {60, pad(4)}},
	{{0, pad(4)}, {0, pad(4)}},         // options for every hop, twice
	{{0, []byte{0x3e, 4, 1, 2, 3, 4}}}, // an option to be skipped,
	{{0, []byte{0x7e, 4, 1, 2, 3, 4}}}, // dropped for,
	{{0, []byte{0xbe, 4, 1, 2, 3, 4}}}, // dropped for with an error,
	{{0, []byte{0xfe, 4, 1, 2, 3, 4}}}, // and that not to a group
	{{0, []byte{0xc2, 4, 0, 1, 0, 0}}}, // a jumbogram that is none
	{{0, []byte{5, 2, 0, 0, 1, 0}}},    // router alert
	{{0, []byte{1, 3, 0, 0, 1, 0}}},    // padding with something in it
	{{0, []byte{1, 9, 0, 0, 0, 0}}},    // padding beyond the header
	{{0, make([]byte, 14)}},            // too much padding
	{{43, make([]byte, 6)}},            // routing header, no segments left
	{{43, append([]byte{2, 1, 0, 0, 0, 0}, realServer(1, 1).AsSlice()...)}}, // one segment left
	{{43, []byte{4, 0, 0, 0, 0, 0}}},                                        // segment routing, none left
	{{60, pad(4)}, {43, make([]byte, 6)}, {60, pad(4)}},
	{{44, []byte{0, 0, 0, 0, 0, 9}}},                             // a fragment header of a whole datagram
	{{51, append([]byte{0, 0, 0, 0, 0, 1}, make([]byte, 8)...)}}, // authentication
}

// options draws the options of a header.
func (t *traffic) options(h *ip) {
	if h.src.Is4() {
		h.options = pick(t.dice, options4)
	} else {
		h.ext = pick(t.dice, exts)
	}
}
