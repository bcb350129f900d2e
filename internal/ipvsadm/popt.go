package ipvsadm

import "strings"

// argKind says whether an option takes an argument.
type argKind uint8

const (
	noArg argKind = iota
	needsArg
	mayHaveArg
)

// option is an option of the command line. The tag stands for it in what
// follows: the short name, or a number beyond those.
type option struct {
	long  string
	short byte
	arg   argKind
	tag   rune
}

// Tags of the options without a short name of their own.
const (
	tagSet = 128 + iota
	tagStartDaemon
	tagStopDaemon
	tagMcastInterface
	tagTimeout
	tagDaemon
	tagStats
	tagRate
	tagThresholds
	tagPersistentConn
	tagSort
	tagNoSort
	tagPE
	tagSCTPService
	tagSyncID
	tagMcastGroup
	tagMcastPort
	tagMcastTTL
	tagSyncMaxlen
	tagTunInfo
	tagTunType
	tagTunPort
	tagTunNoCsum
	tagTunCsum
	tagTunRemCsum
)

var optionTable = []option{
	{"add-service", 'A', noArg, 'A'},
	{"edit-service", 'E', noArg, 'E'},
	{"delete-service", 'D', noArg, 'D'},
	{"clear", 'C', noArg, 'C'},
	{"list", 'L', noArg, 'L'},
	{"list", 'l', noArg, 'L'},
	{"zero", 'Z', noArg, 'Z'},
	{"add-server", 'a', noArg, 'a'},
	{"edit-server", 'e', noArg, 'e'},
	{"delete-server", 'd', noArg, 'd'},
	{"set", 0, noArg, tagSet},
	{"help", 'h', noArg, 'h'},
	{"version", 'v', noArg, 'v'},
	{"restore", 'R', noArg, 'R'},
	{"save", 'S', noArg, 'S'},
	{"start-daemon", 0, needsArg, tagStartDaemon},
	{"stop-daemon", 0, needsArg, tagStopDaemon},
	{"tcp-service", 't', needsArg, 't'},
	{"udp-service", 'u', needsArg, 'u'},
	{"sctp-service", 0, needsArg, tagSCTPService},
	{"fwmark-service", 'f', needsArg, 'f'},
	{"scheduler", 's', needsArg, 's'},
	{"persistent", 'p', mayHaveArg, 'p'},
	{"netmask", 'M', needsArg, 'M'},
	{"real-server", 'r', needsArg, 'r'},
	{"masquerading", 'm', noArg, 'm'},
	{"ipip", 'i', noArg, 'i'},
	{"gatewaying", 'g', noArg, 'g'},
	{"weight", 'w', needsArg, 'w'},
	{"u-threshold", 'x', needsArg, 'x'},
	{"l-threshold", 'y', needsArg, 'y'},
	{"numeric", 'n', noArg, 'n'},
	{"connection", 'c', noArg, 'c'},
	{"mcast-interface", 0, needsArg, tagMcastInterface},
	{"syncid", 0, needsArg, tagSyncID},
	{"timeout", 0, noArg, tagTimeout},
	{"daemon", 0, noArg, tagDaemon},
	{"stats", 0, noArg, tagStats},
	{"rate", 0, noArg, tagRate},
	{"thresholds", 0, noArg, tagThresholds},
	{"persistent-conn", 0, noArg, tagPersistentConn},
	{"nosort", 0, noArg, tagNoSort},
	{"sort", 0, noArg, tagSort},
	{"exact", 'X', noArg, 'X'},
	{"ipv6", '6', noArg, '6'},
	{"ops", 'o', noArg, 'o'},
	{"pe", 0, needsArg, tagPE},
	{"sched-flags", 'b', needsArg, 'b'},
	{"mcast-group", 0, needsArg, tagMcastGroup},
	{"mcast-port", 0, needsArg, tagMcastPort},
	{"mcast-ttl", 0, needsArg, tagMcastTTL},
	{"sync-maxlen", 0, needsArg, tagSyncMaxlen},
	{"tun-info", 0, noArg, tagTunInfo},
	{"tun-type", 0, needsArg, tagTunType},
	{"tun-port", 0, needsArg, tagTunPort},
	{"tun-nocsum", 0, noArg, tagTunNoCsum},
	{"tun-csum", 0, noArg, tagTunCsum},
	{"tun-remcsum", 0, noArg, tagTunRemCsum},
}

var (
	longOptions  = map[string]*option{}
	shortOptions [256]*option
)

func init() {
	for i := range optionTable {
		o := &optionTable[i]
		if longOptions[o.long] == nil {
			longOptions[o.long] = o
		}
		if o.short != 0 {
			shortOptions[o.short] = o
		}
	}
}

// poptError is what the popt library says of a command line.
type poptError string

func (e poptError) Error() string { return string(e) }

// popt's complaints.
const (
	errMissingArg  poptError = "missing argument"
	errUnknown     poptError = "unknown option"
	errUnwantedArg poptError = "option does not take an argument"
)

// popt goes through words as the popt library does: options may be clustered
// (-Ln), have their argument behind a "=", or at once, or in the next word,
// which may look like an option; long names aren't abbreviated; words that
// aren't options may stand anywhere and are kept in rest; after "--" all are.
type popt struct {
	words   []string
	next    int    // the word to look at next
	cluster string // short options left of the word before
	taken   []bool // words used by an expansion; nil: none
	all     bool   // "--" was seen
	rest    []string
}

// bad returns the word that an error is about.
func (p *popt) bad() string {
	if p.next == 0 {
		return ""
	}
	return p.words[p.next-1]
}

// option returns the tag of the next option, 0 if there is none, and its
// argument; has is false where an optional one is missing.
func (p *popt) option() (tag rune, arg string, has bool, err error) {
	var o *option
	var value string // behind "="
	var given bool
	if p.cluster == "" {
		for {
			if p.next == len(p.words) {
				return 0, "", false, nil
			}
			w := p.words[p.next]
			p.next++
			if p.taken != nil && p.taken[p.next-1] {
				continue
			}
			if p.all || len(w) < 2 || w[0] != '-' {
				p.rest = append(p.rest, w)
				continue
			}
			if w == "--" {
				p.all = true
				continue
			}
			if w[1] != '-' {
				p.cluster = w[1:]
				break
			}
			var name string
			name, value, given = strings.Cut(w[2:], "=")
			if o = longOptions[name]; o == nil {
				return 0, "", false, errUnknown
			}
			break
		}
	}
	if o == nil {
		c := p.cluster[0]
		p.cluster = p.cluster[1:]
		if o = shortOptions[c]; o == nil {
			p.cluster = ""
			return 0, "", false, errUnknown
		}
	}
	switch {
	case o.arg == noArg:
		if given || strings.HasPrefix(p.cluster, "=") {
			return 0, "", false, errUnwantedArg
		}
		return o.tag, "", false, nil
	case given:
	case p.cluster != "":
		value = strings.TrimPrefix(p.cluster, "=")
		p.cluster = ""
	case p.next == len(p.words):
		if o.arg == needsArg {
			return 0, "", false, errMissingArg
		}
		return o.tag, "", false, nil
	case o.arg == mayHaveArg && strings.HasPrefix(p.words[p.next], "-"):
		return o.tag, "", false, nil
	default:
		value = p.words[p.next]
		p.next++
	}
	return o.tag, p.expand(value), true, nil
}

// nextWord is popt's sign for the next word that isn't an option.
const nextWord = "!#:+"

// expand puts the next word that isn't an option in place of nextWord, and
// takes it away there. Without such a word it stays as it is.
func (p *popt) expand(s string) string {
	if !strings.Contains(s, nextWord) {
		return s
	}
	for i := p.next; i < len(p.words); i++ {
		if p.taken != nil && p.taken[i] || strings.HasPrefix(p.words[i], "-") {
			continue
		}
		if p.taken == nil {
			p.taken = make([]bool, len(p.words))
		}
		p.taken[i] = true
		return strings.ReplaceAll(s, nextWord, p.words[i])
	}
	return s
}
