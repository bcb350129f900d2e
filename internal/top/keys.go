package top

import "strings"

// sequences are the keys that send more than a character.
var sequences = map[string]string{
	"\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "\x1b[5~": "pageup", "\x1b[6~": "pagedown",
}

// keys tells the keys in what was read.
func keys(s string) (all []string) {
next:
	for s != "" {
		for q, name := range sequences {
			if rest, ok := strings.CutPrefix(s, q); ok {
				all, s = append(all, name), rest
				continue next
			}
		}
		if s[0] == '\x1b' { // some other sequence, read whole as a rule
			return all
		}
		all, s = append(all, s[:1]), s[1:]
	}
	return all
}
