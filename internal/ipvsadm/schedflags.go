package ipvsadm

import (
	"strings"

	"goipvs/sched"
)

// schedFlag is a flag of a scheduler by name; those of any scheduler have none.
type schedFlag struct {
	name, scheduler string
	flag            sched.ServiceFlags
}

var schedFlags = []schedFlag{
	{"flag-1", "", sched.Sched1},
	{"flag-2", "", sched.Sched2},
	{"flag-3", "", sched.Sched3},
	{"sh-fallback", "sh", sched.Sched1},
	{"sh-port", "sh", sched.Sched2},
	{"mh-fallback", "mh", sched.Sched1},
	{"mh-port", "mh", sched.Sched2},
}

const anySchedFlag = sched.Sched1 | sched.Sched2 | sched.Sched3

// parseSchedFlags reads a list of flags for a scheduler, which "" leaves at the
// default.
func parseSchedFlags(list, scheduler string) (flags sched.ServiceFlags, err error) {
	if scheduler == "" {
		scheduler = defaultScheduler
	}
	for name := range strings.FieldsFuncSeq(list, func(c rune) bool { return c == ',' }) {
		found := false
		for _, f := range schedFlags {
			if f.name != name {
				continue
			}
			if f.scheduler != "" && f.scheduler != scheduler {
				return 0, fail("incompatible scheduler flag `%s'", name)
			}
			flags |= f.flag
			found = true
		}
		if !found {
			return 0, fail("invalid scheduler flag `%s'", name)
		}
	}
	return flags, nil
}

// schedFlagNames lists a service's flags by the names that its scheduler has for
// them.
func schedFlagNames(scheduler string, flags sched.ServiceFlags) string {
	if scheduler != "sh" && scheduler != "mh" {
		scheduler = ""
	}
	var names []string
	for _, f := range schedFlags {
		if f.scheduler == scheduler && flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ",")
}
