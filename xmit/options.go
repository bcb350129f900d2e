package xmit

// echoOptions returns the IPv4 options of an ICMP error's own header, made from
// those of the packet that it answers.
//
// Kernel: net/ipv4/ip_options.c, __ip_options_echo (6.1).
func echoOptions(opt []byte) []byte { return nil }
