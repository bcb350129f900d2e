package ipvs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	// socketVariable of the environment says where the control socket is.
	socketVariable = "GOIPVS_SOCKET"
	// defaultSocket is where it is otherwise.
	defaultSocket = "/run/goipvs.sock"
	// announced is the folder beside control sockets that says which of them is
	// which network namespace's: links named by the inodes of namespaces.
	announced = "goipvs.netns"
)

// home is the network namespace that the program began in.
var home, homeErr = netnsOf("/proc/self/ns/net")

// socketOf returns the way to the daemon of a network namespace: the link that
// announces it beside the control socket, or, for the namespace that the program
// began in, the control socket itself.
func socketOf(netns string) (string, error) {
	socket := os.Getenv(socketVariable)
	if socket == "" {
		socket = defaultSocket
	}
	socket, err := filepath.Abs(socket)
	if err != nil {
		return "", err
	}
	if netns == "" {
		netns = "/proc/thread-self/ns/net"
	}
	id, err := netnsOf(netns)
	if err != nil {
		return "", err
	}
	link := filepath.Join(filepath.Dir(socket), announced, strconv.FormatUint(id, 10))
	_, err = os.Lstat(link)
	switch {
	case err == nil:
		return link, nil
	case homeErr == nil && id == home:
		return socket, nil
	}
	return "", fmt.Errorf("no goipvs runs in network namespace %d: %w", id, err)
}

// netnsOf returns the inode of the network namespace that a path names. It fails
// with a bare syscall.Errno where there is nothing of that name.
func netnsOf(path string) (uint64, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = syscall.Close(fd) }()              // it was only to look at it
	const getType, network = 0xb703, syscall.CLONE_NEWNET // NS_GET_NSTYPE
	typ, _, _ := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), getType, 0)
	if typ != network {
		return 0, fmt.Errorf("%s is no network namespace: %w", path, syscall.EINVAL)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}
