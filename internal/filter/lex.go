package filter

import (
	"fmt"
	"strings"
)

// Error is what is wrong with an expression.
type Error struct {
	Expr string
	At   int // octet where it is wrong
	Err  string
}

// Error returns what is wrong, and before what.
func (e *Error) Error() string {
	rest := e.Expr[min(e.At, len(e.Expr)):]
	if rest == "" {
		return fmt.Sprintf("filter %q: %s at the end", e.Expr, e.Err)
	}
	return fmt.Sprintf("filter %q: %s at %q", e.Expr, e.Err, rest)
}

// token is a word or sign.
type token struct {
	text string // "" at the end
	at   int
}

// signs are what stands for itself, longer ones first.
var signs = []string{"&&", "||", "<<", ">>", "<=", ">=", "==", "!=", "(", ")", "[", "]", "!", "<", ">", "=", "&", "|", "+", "*", "^", "%"}

// lex splits an expression into words and signs. Within brackets "-", "/" and ":"
// are signs, elsewhere they belong to addresses and names.
func lex(s string) (all []token) {
	brackets := 0
	for i := 0; i < len(s); {
		if strings.ContainsRune(" \t\r\n", rune(s[i])) {
			i++
			continue
		}
		n := sign(s[i:])
		if n == 0 && (brackets > 0 || arithmetic(all)) && strings.ContainsRune("-/:", rune(s[i])) {
			n = 1
		}
		if n == 0 {
			n = 1
			for i+n < len(s) && !strings.ContainsRune(" \t\r\n", rune(s[i+n])) && sign(s[i+n:]) == 0 &&
				(brackets == 0 || s[i+n] != ':' && s[i+n] != '/' && (s[i+n] != '-' || !digit(s[i]))) {
				n++
			}
		}
		switch s[i : i+n] {
		case "[":
			brackets++
		case "]":
			brackets--
		}
		all = append(all, token{s[i : i+n], i})
		i += n
	}
	return append(all, token{"", len(s)})
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func sign(s string) int {
	for _, x := range signs {
		if strings.HasPrefix(s, x) {
			return len(x)
		}
	}
	return 0
}

// arithmetic reports whether a sign of arithmetic may come next: after an access
// to octets or a length.
func arithmetic(all []token) bool {
	return len(all) > 0 && (all[len(all)-1].text == "]" || all[len(all)-1].text == "len")
}
