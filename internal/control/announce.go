package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// netnsDir is the folder beside control sockets that says which of them is
// which network namespace's: links to sockets, named by the inodes of
// namespaces.
const netnsDir = "goipvs.netns"

// Announce says that the daemon with the control socket at path works in a
// network namespace. withdraw takes that back.
func Announce(path string, netns uint64) (withdraw func() error, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	link := SocketOf(path, netns)
	dir := filepath.Dir(link)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// What a killed daemon left would send requests for its namespace here.
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if old := filepath.Join(dir, n.Name()); old != link && pointsTo(old, path) {
			if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	fresh := link + ".new"
	_ = os.Remove(fresh) // of one who died here
	if err := os.Symlink(path, fresh); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, link); err != nil {
		return nil, errors.Join(err, os.Remove(fresh))
	}
	return func() error {
		if !pointsTo(link, path) {
			return nil
		}
		err := os.Remove(link)
		_ = os.Remove(dir) // if it was the last
		return err
	}, nil
}

func pointsTo(link, path string) bool {
	to, err := os.Readlink(link)
	return err == nil && to == path
}

// SocketOf returns the path at which the daemon of a network namespace, known by
// its inode, is reached, if there is one among those whose control sockets lie
// in the folder of the one at path.
func SocketOf(path string, netns uint64) string {
	return filepath.Join(filepath.Dir(path), netnsDir, strconv.FormatUint(netns, 10))
}
