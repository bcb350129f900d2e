// Command pack builds the page's playground, for make build: the engine for a
// browser, gzipped, and Go's glue for it with its licence.
//
//	go run ./internal/page/pack DIR
package main
