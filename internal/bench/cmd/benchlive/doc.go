// Benchlive measures goipvs beside kernel DNAT, HAProxy and nginx on this
// machine (package bench); make bench-live runs it. It needs root, and the
// programs that it compares with. As serve and load it is also what runs on the
// hosts that it builds.
package main
