// Package fuzzer finds where the engine and the real kernel differ.
//
// It makes random directors and random traffic, runs them through the engine,
// puts the very same frames and commands to the kernel that the oracle boots,
// compares what came out, and makes what differs small.
//
//	seed, Features ──→ director ──→ setup.sh, timeline.sh
//	                      ↓
//	                   traffic ──frames──→ engine (internal/replay)
//	                      ↑                   │
//	                      └──what came out────┘
//	                      ↓
//	                   in.pcapng ──→ oracle: gen.py -r, a kernel in a VM ──→ a recorded case
//	                                                                            ↓
//	                   testdata/found ←── shrink ←── replay.Case.Compare ←── engine
//
// The traffic reacts to what the engine put out: servers answer what reached
// them, routers send errors about what passed. The kernel gets the frames so
// recorded; where it puts out something else than the engine did, that is what
// was looked for.
//
// A seed and a set of features always make the same case.
package fuzzer
