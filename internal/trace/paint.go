package trace

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style is how text looks.
type Style struct {
	Width int  // columns; 0: 100
	Color bool // for a terminal
}

// paint is a colour or the like, as a terminal wants it.
type paint string

const (
	plain  paint = ""
	bold   paint = "1"
	dim    paint = "2"
	red    paint = "31"
	green  paint = "32"
	yellow paint = "33"
	cyan   paint = "36"
)

// Paints are marked by runes for private use until the text is finished, so that
// what a capture or a setup file has in it never reaches a terminal as a command.
const (
	markOpen  = '\ue000'
	markClose = '\ue001'
)

func (st Style) paint(p paint, s string) string {
	if !st.Color || p == plain || s == "" {
		return s
	}
	return string(markOpen) + string(p) + string(markClose) + s + string(markOpen) + "0" + string(markClose)
}

var marked = regexp.MustCompile(string(markOpen) + "([0-9]{1,2})" + string(markClose))

// finish makes colours of the marks, and drops whatever a terminal might obey.
func (st Style) finish(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), !st.Color && (r == markOpen || r == markClose):
			return -1
		}
		return r
	}, s)
	if !st.Color {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == markOpen || r == markClose {
			return -1
		}
		return r
	}, marked.ReplaceAllString(s, "\x1b[${1}m"))
}

func (t *text) line(p paint, s string) { t.b.WriteString(t.paint(p, s) + "\n") }

// wrap writes text behind lead, and where it is too long on lines of their own
// behind hang.
func (t *text) wrap(lead, hang string, p paint, s string) {
	room := t.Width - visible(lead)
	t.b.WriteString(lead)
	var line []string
	for word := range strings.SplitSeq(s, " ") {
		n := visible(word)
		if len(line) > 0 && n+1 > room {
			t.b.WriteString(t.paint(p, strings.Join(line, " ")) + "\n" + hang)
			line, room = nil, t.Width-visible(hang)
		}
		if len(line) > 0 {
			room--
		}
		line = append(line, word)
		room -= n
	}
	t.b.WriteString(t.paint(p, strings.Join(line, " ")) + "\n")
}

// visible is the number of columns that s takes.
func visible(s string) int {
	n, mark := 0, false
	for _, r := range s {
		switch {
		case r == markOpen:
			mark = true
		case r == markClose:
			mark = false
		case !mark:
			n++
		}
	}
	return n
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
