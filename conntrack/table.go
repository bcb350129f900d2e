package conntrack

// Table is the connection table.
type Table struct{}
