package filter

import (
	"slices"
	"strings"
)

// Filter is a parsed expression. It may be used by many goroutines at once.
type Filter struct{ match node }

// node decides about a frame. It panics with short where that ends too early.
type node func(*Frame) bool

// Match reports whether the expression holds for a frame.
func (f *Filter) Match(x Frame) (ok bool) {
	defer func() {
		if e := recover(); e != nil {
			if _, tooShort := e.(short); !tooShort {
				panic(e)
			}
			ok = false
		}
	}()
	return f.match(&x)
}

// Parse reads an expression; an empty one holds for every frame. Errors are
// *Error.
func Parse(expr string) (f *Filter, err error) {
	p := &parser{expr: expr, tokens: lex(expr)}
	defer func() {
		if e, ok := recover().(*Error); ok {
			f, err = nil, e
		} else if e != nil {
			panic(e)
		}
	}()
	if p.peek() == "" {
		return &Filter{func(*Frame) bool { return true }}, nil
	}
	n := p.expression()
	if p.peek() != "" {
		p.fail("nothing more is expected")
	}
	return &Filter{n}, nil
}

// maxDepth is how deep an expression may be nested.
const maxDepth = 200

// parser reads an expression. Errors are panics with *Error.
type parser struct {
	expr   string
	tokens []token
	at     int
	depth  int
	last   qualifiers // of the primitive before: a bare address or port takes them over
}

func (p *parser) peek() string { return p.tokens[p.at].text }

func (p *parser) peekAt(n int) string { return p.tokens[min(p.at+n, len(p.tokens)-1)].text }

func (p *parser) next() string {
	t := p.tokens[p.at].text
	if t != "" {
		p.at++
	}
	return t
}

// take takes the next word if it is one of these.
func (p *parser) take(words ...string) bool {
	if slices.Contains(words, p.peek()) && p.peek() != "" {
		p.at++
		return true
	}
	return false
}

func (p *parser) fail(why string) { p.failAt(p.at, why) }

func (p *parser) failAt(at int, why string) {
	panic(&Error{p.expr, p.tokens[min(at, len(p.tokens)-1)].at, why})
}

// expression reads terms joined by and and or, which bind equally and from the
// left.
func (p *parser) expression() node {
	if p.depth++; p.depth > maxDepth {
		p.fail("too deep")
	}
	defer func() { p.depth-- }()
	left := p.term()
	for {
		switch {
		case p.take("and", "&&"):
			a, b := left, p.term()
			left = func(f *Frame) bool { return a(f) && b(f) }
		case p.take("or", "||"):
			a, b := left, p.term()
			left = func(f *Frame) bool { return a(f) || b(f) }
		default:
			return left
		}
	}
}

// term reads a primitive, a negation, a relation or what is in parentheses.
func (p *parser) term() node {
	if p.depth++; p.depth > maxDepth {
		p.fail("too deep")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not", "!"):
		n := p.term()
		return func(f *Frame) bool { return !n(f) }
	case p.relational():
		return p.relation()
	case p.take("("):
		n := p.expression()
		if !p.take(")") {
			p.fail("a closing parenthesis is wanted")
		}
		return n
	}
	return p.primitive()
}

// relational reports whether a comparison comes: it begins with an access to
// octets, a length or a number, maybe in parentheses.
func (p *parser) relational() bool {
	depth := 0
	for i := 0; ; i++ {
		t := p.peekAt(i)
		switch {
		case t == "(":
			depth++
			continue
		case t == "len":
			return true
		case accessors[t] != nil:
			return p.peekAt(i+1) == "["
		case t != "" && digit(t[0]) && !strings.ContainsAny(t, ".:/"):
			// A number alone is an address or port, unless a sign follows.
			return isOperator(p.peekAt(i+1)) || depth > 0 && p.peekAt(i+1) == ")" && isOperator(p.peekAt(i+2))
		}
		return false
	}
}

func isOperator(t string) bool {
	return slices.Contains([]string{"<", ">", "<=", ">=", "=", "==", "!=", "&", "|", "+", "-", "*", "/", "<<", ">>", "^", "%"}, t)
}
