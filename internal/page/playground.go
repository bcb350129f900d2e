package page

import (
	"fmt"
	"io/fs"
	"path"
)

// The files of the playground as package pack makes them, in a folder; make build
// has it make them in assets.
const (
	EngineFile = "engine.wasm.gz"
	GlueFile   = "wasm_exec.js"
)

// Playground is the engine for the browser.
type Playground struct {
	engine []byte // WebAssembly, gzipped
	glue   []byte // Go's JavaScript for it
}

// Embedded returns the playground that is built into the binary; nil: make build
// did not build it.
func Embedded() *Playground {
	p, err := OpenPlayground(assets, "assets")
	if err != nil {
		return nil
	}
	return p
}

// OpenPlayground returns the playground in a folder.
func OpenPlayground(f fs.FS, dir string) (*Playground, error) {
	var p Playground
	var err error
	if p.engine, err = fs.ReadFile(f, path.Join(dir, EngineFile)); err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	if p.glue, err = fs.ReadFile(f, path.Join(dir, GlueFile)); err != nil {
		return nil, fmt.Errorf("playground: %w", err)
	}
	return &p, nil
}
