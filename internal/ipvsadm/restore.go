package ipvsadm

import (
	"bufio"
	"fmt"
	"strings"
)

// maxWord is how long a word of a restored line may be; longer ones are cut
// into several.
const maxWord = 4096

// restore does the command lines of standard input. The result is the last
// line's; wrong usage ends it, a refusal doesn't.
func (r *run) restore() error {
	if r.restoring {
		return r.tryHelp()
	}
	r.restoring = true
	defer func() { r.restoring = false }()
	if r.Stdin == nil {
		return nil
	}
	in := bufio.NewReader(r.Stdin)
	var result error
	for {
		words, ok := restoreLine(in)
		if !ok {
			return result
		}
		if len(words) == 0 {
			continue
		}
		if result != nil {
			fmt.Fprintln(r.Stderr, result)
		}
		result = r.line(words)
		if _, ends := result.(*exit); ends {
			return result
		}
	}
}

// restoreLine reads the words of the next line, without those that are
// "ipvsadm"; ok is false at the end of the input. There are no quotes and no
// remarks. As in the real one, a last line without a newline is lost if more
// than one blank ends it.
func restoreLine(in *bufio.Reader) (words []string, ok bool) {
	var w strings.Builder
	inWord, any := false, false
	add := func() {
		if inWord && w.String() != "ipvsadm" {
			words = append(words, w.String())
			any = true
		}
		w.Reset()
		inWord = false
	}
	for blanks := 0; ; {
		c, err := in.ReadByte()
		switch {
		case err != nil: // io.EOF, or no more to be had
			add()
			return words, any && blanks < 2
		case c == '\n':
			add()
			return words, true
		case c == ' ' || c == '\t' || c == '\r':
			add()
			blanks++
			continue
		}
		blanks = 0
		if w.Len() == maxWord {
			add()
		}
		inWord = true
		w.WriteByte(c)
	}
}
