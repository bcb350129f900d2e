// Directors and packets to begin with.

const machine = (rules, more = []) => [
  "ip link set eth0 up",
  "ip link set eth1 up",
  "ip addr add 192.0.2.1/24 dev eth0",
  "ip addr add 10.1.0.1/24 dev eth1",
  "ip neigh add 192.0.2.100 lladdr 02:00:00:00:00:64 dev eth0",
  "ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:0b dev eth1",
  "ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:0c dev eth1",
  "ip link add ipvs0 type dummy",
  "ip link set ipvs0 up",
  "ip addr add 203.0.113.10/32 dev ipvs0",
  "sysctl -w net.ipv4.ip_forward=1",
  ...more, "", ...rules, "",
].join("\n");

const visit = `# a client opens a connection, and the server answers
eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN
reply 1
eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP ACK
eth0 192.0.2.100:40001 > 203.0.113.10:80 TCP SYN
`;

const examples = [
  { name: "NAT", setup: machine(["ipvsadm -A -t 203.0.113.10:80 -s rr", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.12:8080 -m"]), typed: visit },
  { name: "Direct routing", setup: machine(["ipvsadm -A -t 203.0.113.10:80 -s wlc", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -g -w 2", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.12:80 -g -w 1"]), typed: `# the servers answer the client directly: the director sees requests only
eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN
eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP ACK
eth0 192.0.2.100:40001 > 203.0.113.10:80 TCP SYN
eth0 192.0.2.100:40002 > 203.0.113.10:80 TCP SYN
` },
  { name: "Tunnel and path MTU", setup: machine(["ipvsadm -A -u 203.0.113.10:53 -s rr", "ipvsadm -a -u 203.0.113.10:53 -r 10.1.0.11 -i", "ipvsadm -a -u 203.0.113.10:53 -r 10.1.0.12 -i"]), typed: `# a datagram that fits into eth1 alone, but not with the tunnel's header before it
eth0 192.0.2.100:5000 > 203.0.113.10:53 UDP length 60
eth0 192.0.2.100:5001 > 203.0.113.10:53 UDP length 1490
# a router on the way to the server
error 1 too-big 1400 by 10.1.0.254
` },
  { name: "ICMP error of a server", setup: machine(["ipvsadm -A -u 203.0.113.10:53 -s rr", "ipvsadm -a -u 203.0.113.10:53 -r 10.1.0.11:5353 -m"]), typed: `# nothing listens on the server
eth0 192.0.2.100:5000 > 203.0.113.10:53 UDP length 60
error 1 unreachable
` },
  { name: "Persistence", setup: machine(["ipvsadm -A -t 203.0.113.10:443 -s rr -p 300", "ipvsadm -a -t 203.0.113.10:443 -r 10.1.0.11:443 -m", "ipvsadm -a -t 203.0.113.10:443 -r 10.1.0.12:443 -m"]), typed: `# one client stays with its server, another gets the next
eth0 192.0.2.100:40000 > 203.0.113.10:443 TCP SYN
eth0 192.0.2.100:40001 > 203.0.113.10:443 TCP SYN
eth0 192.0.2.101:40000 > 203.0.113.10:443 TCP SYN
` },
  { name: "Server on the director", setup: machine(["ipvsadm -A -t 203.0.113.10:80 -s rr", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.1:80 -m"]), typed: visit },
  { name: "No server left", setup: machine(["ipvsadm -A -t 203.0.113.10:80 -s wrr", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 0"]), typed: `# the only server has weight 0: why does the client get an error?
eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN
` },
];

