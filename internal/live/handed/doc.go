// Package handed says what the daemon does with a packet beside the engine: that
// a process sends it, that it is sent again, or handed back to the kernel. It is
// pure, so that package trace can put it in words wherever that runs.
package handed
