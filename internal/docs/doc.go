// Package docs keeps the tables under docs true: that of the features names
// tests that exist and that say which features they test, and that of the
// settings is written from the engine's own table.
//
//	go test ./internal/docs -update
package docs
