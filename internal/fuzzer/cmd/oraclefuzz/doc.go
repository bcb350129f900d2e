// Command oraclefuzz looks for differences between the engine and the real
// kernel; see package fuzzer. `make oracle-fuzz` runs it.
package main
