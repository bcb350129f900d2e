// Package yield gives the processor up between the parts of work that takes long.
package yield
