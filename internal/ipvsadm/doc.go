// Package ipvsadm is ipvsadm 1.31's command line, word for word: its options,
// listings, error texts and exit codes, spoken to an engine of package control.
//
//	words → popt → checks → control.Client → listing or error text, exit code
package ipvsadm
