package ipvsadm

import (
	"math"
	"strings"
)

// strtol reads a number as C's function of that name does: after blanks, with a
// sign, to the base, which 0 has it find out from the prefix. It returns what is
// left; ok is false if that is all, inRange if the number is too large.
func strtol(s string, base int) (n int64, left string, ok, inRange bool) {
	t := strings.TrimLeft(s, " \t\n\v\f\r")
	neg := false
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg = t[0] == '-'
		t = t[1:]
	}
	if base == 0 {
		base = 10
		if strings.HasPrefix(t, "0") {
			base = 8
			if len(t) > 2 && t[1]|0x20 == 'x' && digit(t[2]) < 16 {
				base, t = 16, t[2:]
			}
		}
	}
	i := 0
	inRange = true
	for ; i < len(t) && digit(t[i]) < base; i++ {
		d := int64(digit(t[i]))
		if n > (math.MaxInt64-d)/int64(base) {
			inRange = false
			continue
		}
		n = n*int64(base) + d
	}
	if i == 0 {
		return 0, s, false, true
	}
	if !inRange {
		n = math.MaxInt64
	}
	if neg {
		n = -n
	}
	return n, t[i:], true, inRange
}

// digit returns a digit's value, 36 for what is none.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 36
}

// parseNumber reads a decimal number that must lie within bounds.
func parseNumber(s string, least, most int64) (int64, bool) {
	n, left, ok, inRange := strtol(s, 10)
	return n, ok && left == "" && inRange && least <= n && n <= most
}

// atoi reads the number that a string begins with, 0 if there is none, cut to
// 32 bits.
func atoi(s string) int32 {
	n, _, _, _ := strtol(s, 10)
	return int32(n)
}

// inetAton reads an IPv4 address in all the forms that C's function of that name
// takes: up to four parts, decimal, octal or hexadecimal, the last filling what
// is left; blanks may follow, and after them anything.
func inetAton(s string) (uint32, bool) {
	var addr uint32
	for part := 0; ; part++ {
		if s == "" || digit(s[0]) > 9 {
			return 0, false
		}
		n, left, _, inRange := strtol(s, 0)
		if !inRange || n > math.MaxUint32 {
			return 0, false
		}
		if !strings.HasPrefix(left, ".") {
			if left != "" && !strings.ContainsRune(" \t\n\v\f\r", rune(left[0])) {
				return 0, false
			}
			return addr | uint32(n), n <= math.MaxUint32>>(8*part)
		}
		if part == 3 || n > 255 {
			return 0, false
		}
		addr |= uint32(n) << (24 - 8*part)
		s = left[1:]
	}
}
