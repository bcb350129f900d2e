// Package reload makes a running director what its files now say, by the
// differences alone: connections go on.
//
//	files, as they were and are → New → Plan → Apply → director
//
// The new lines are first run on a director of their own, which does nothing
// else. So what is wrong with one is known, and named, before anything changes.
package reload
