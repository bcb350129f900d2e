package hooks

import (
	"net/netip"
	"strings"

	"goipvs/packet"
)

// ftpAddress is an address and port in an FTP command or answer, and where in
// the text it stands.
type ftpAddress struct {
	addr       packet.Addr
	port       uint16
	start, end int
}

// passive looks for PASV or EPSV in what a client says and returns which; was is
// what it asked for before, and stays with an EPSV for another family.
//
// Kernel: ip_vs_ftp.c, ip_vs_ftp_in (6.1).
func passive(data []byte, f packet.Family, was uint8) (mode uint8, found bool) {
	for i := 0; i+6 <= len(data); i++ {
		s := string(data[i : i+6])
		if f == packet.IPv4 && strings.EqualFold(s, "PASV\r\n") {
			return ftpPASV, true
		}
		if !strings.EqualFold(s[:4], "EPSV") || s[4] != ' ' && s[4] != '\r' {
			continue
		}
		if s[4] == ' ' {
			want := byte('1')
			if f == packet.IPv6 {
				want = '2'
			}
			if i+7 > len(data) || data[i+6] != '\r' || s[5] != want {
				return was, true
			}
		}
		return ftpEPSV, true
	}
	return 0, false
}

// parseAddress reads an address and port behind a command or answer code at the
// start of data: "h,h,h,h,p,p", or with extended the form of RFC 2428
// ("|1|192.0.2.1|1025|"; in an answer, "|||1025|" with the address preset). skip
// is what must come before: blanks, or an opening parenthesis, which the old
// form can do without.
//
// Kernel: ip_vs_ftp.c, ip_vs_ftp_get_addrport (6.1).
func parseAddress(data []byte, pattern string, skip byte, extended bool, f packet.Family, preset packet.Addr, answer bool) (r ftpAddress, ok bool) {
	if len(data) < len(pattern) || !strings.EqualFold(string(data[:len(pattern)]), pattern) {
		return r, false
	}
	at := len(pattern)
	for found := false; ; at++ {
		if at == len(data) {
			return r, false
		}
		if !found {
			if !extended && isDigit(data[at]) {
				break
			}
			found = data[at] == skip
		} else if data[at] != skip {
			break
		}
	}
	r.start = at
	if !extended {
		return parseNumbers(data, r)
	}
	delim := data[at]
	if delim < 33 || delim > 126 {
		return r, false
	}
	// Between the delimiters: address family, address, port.
	rest := string(data[at+1:])
	family, rest, ok1 := strings.Cut(rest, string(delim))
	host, rest, ok2 := strings.Cut(rest, string(delim))
	if !ok1 || !ok2 {
		return r, false
	}
	switch {
	case family == "" && host == "" && answer:
		r.addr = preset
	case family == "1" && f == packet.IPv4:
		if r.addr, ok = dottedQuad(host); !ok {
			return r, false
		}
	case family == "2" && f == packet.IPv6:
		a, err := netip.ParseAddr(host)
		if err != nil || a.Is4() || a.Zone() != "" {
			return r, false
		}
		r.addr, _ = packet.AddrFrom(a)
	default:
		return r, false
	}
	port, digits := 0, 0
	for digits < len(rest) && isDigit(rest[digits]) {
		if port = port*10 + int(rest[digits]-'0'); port > 0xffff {
			return r, false
		}
		digits++
	}
	if port == 0 || digits == len(rest) || rest[digits] != delim {
		return r, false
	}
	r.port, r.end = uint16(port), len(data)-len(rest)+digits+1
	return r, true
}

// dottedQuad reads an IPv4 address, whose numbers may have leading zeros.
//
// Kernel: net/core/utils.c, in4_pton (6.1).
func dottedQuad(s string) (a packet.Addr, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return a, false
	}
	for i, p := range parts {
		n := 0
		for _, c := range []byte(p) {
			if n = n*10 + int(c-'0'); !isDigit(c) || n > 255 {
				return a, false
			}
		}
		if p == "" {
			return a, false
		}
		a[i] = byte(n)
	}
	return a, true
}

// parseNumbers reads the old form, six numbers between commas.
func parseNumbers(data []byte, r ftpAddress) (ftpAddress, bool) {
	var n [6]int
	i := 0
	for at := r.start; at < len(data); at++ {
		switch c := data[at]; {
		case isDigit(c):
			if n[i] = n[i]*10 + int(c-'0'); n[i] > 0xff {
				return r, false
			}
		case c == ',' && i < 5:
			i++
		default:
			for j := range 4 {
				r.addr[j] = byte(n[j])
			}
			r.port, r.end = uint16(n[4]<<8|n[5]), at
			return r, i == 5
		}
	}
	return r, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
