package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"goipvs/hooks"
)

var update = flag.Bool("update", false, "write docs/settings.md")

const settingsHead = `# Settings

These are the settings under ` + "`net.ipv4.vs`" + `, in the order of their names, with the
defaults of Linux 6.1; those marked 7.3 are there with ` + "`--kernel 7.3`" + ` alone. A director
refuses the values that the kernel refuses, and shows what was written as the
kernel does. Any number means one of 32 bits. Where the effect begins with "none",
a setting is kept and checked, but nothing follows from it.

A setup file sets them:

    sysctl -w net.ipv4.vs.conn_reuse_mode=0

| setting | default | values | effect |
|---|---|---|---|
`

const settingsTail = `
The default of ` + "`sync_qlen_max`" + ` depends on the kernel's memory; this one is that of
a machine with 2 GiB.

This file is written by ` + "`go test ./internal/docs -update`" + ` from ` + "`hooks/settings.go`" + `.
`

// TestSettings holds docs/settings.md against the engine's table.
func TestSettings(t *testing.T) {
	const file = "../../docs/settings.md"
	var b strings.Builder
	b.WriteString(settingsHead)
	for _, s := range hooks.SettingDocs() {
		if s.Values == "" || s.Effect == "" {
			t.Errorf("%s has no values or no effect in words", s.Name)
		}
		name := "`" + s.Name + "`"
		if s.Since != hooks.Linux6_1 {
			name += " (" + s.Since.String() + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, strings.ReplaceAll(s.Default, "\t", " "), s.Values, s.Effect)
	}
	b.WriteString(settingsTail)
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s differs from hooks/settings.go: run go test ./internal/docs -update", file)
	}
}
