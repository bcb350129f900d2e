package docs

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/control"
)

// TestControl: docs/control.md has the numbers that the protocol has.
func TestControl(t *testing.T) {
	want := map[string]int{
		"CmdGetProc": control.CmdGetProc, "CmdGetSetting": control.CmdGetSetting, "CmdSetSetting": control.CmdSetSetting,
		"CmdGetSockopt": control.CmdGetSockopt, "CmdSetSockopt": control.CmdSetSockopt,
		"CmdGetConns": control.CmdGetConns, "CmdDelConns": control.CmdDelConns,
		"CmdGetOptions": control.CmdGetOptions, "CmdSetOptions": control.CmdSetOptions, "CmdGetCounts": control.CmdGetCounts,
		"CmdTrace": control.CmdTrace,
		"ExtName":  control.ExtName, "ExtText": control.ExtText, "ExtOption": control.ExtOption, "ExtLength": control.ExtLength,
		"ExtConn": control.ExtConn, "ExtFilter": control.ExtFilter, "ExtOptions": control.ExtOptions,
		"ExtService": control.ExtService, "ExtGone": control.ExtGone, "ExtKept": control.ExtKept,
		"ExtCount": control.ExtCount,
	}
	b, err := os.ReadFile("../../docs/control.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\| ((?:Cmd|Ext)\w+) \| (\d+) \|`).FindAllSubmatch(b, -1) {
		got[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-protocol +docs)\n%s", d)
	}
}
