package wrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// files is a tree of the files that the kernel's IPVS would have under /proc,
// for each network namespace: NETNS/net/ip_vs, NETNS/vs/conntrack and so on. It
// is a FUSE file system that is mounted nowhere, so that a write is refused when
// it is made, as by the kernel; what the program opens are files of it.
type files struct {
	root   int // the mount
	server *fuse.Server
	top    *fs.Inode

	mu    sync.Mutex
	known map[uint64]bool
}

// procNames are the files under /proc/net.
var procNames = []string{
	control.ProcServices, control.ProcApps, control.ProcConns,
	control.ProcConnSync, control.ProcStats, control.ProcStatsPerCPU,
}

// mountFiles makes the file system. It needs /dev/fuse and CAP_SYS_ADMIN in the
// user namespace.
func mountFiles() (*files, error) {
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/fuse: %w", err)
	}
	root, err := mountDetached(dev)
	if err != nil {
		return nil, errors.Join(err, unix.Close(dev))
	}
	f := &files{root: root, known: map[uint64]bool{}}
	top := &folder{}
	keep := time.Hour
	raw := fs.NewNodeFS(top, &fs.Options{EntryTimeout: &keep, AttrTimeout: &keep})
	f.top = &top.Inode
	f.server, err = fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", dev), &fuse.MountOptions{Name: "goipvs", DisableXAttrs: true})
	if err != nil {
		return nil, errors.Join(err, unix.Close(root), unix.Close(dev))
	}
	go f.server.Serve()
	return f, nil
}

// mountDetached makes a mount of the file system that dev serves and returns a
// descriptor of it. In a mount namespace that is not the user namespace's own
// nothing may be mounted, so the thread leaves it.
func mountDetached(dev int) (root int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if root, err = mount(dev); !errors.Is(err, unix.EPERM) {
			return
		}
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		if err = unix.Unshare(unix.CLONE_NEWNS); err != nil {
			err = fmt.Errorf("mount namespace: %w", err)
			return
		}
		root, err = mount(dev)
	}()
	<-done
	return root, err
}

func mount(dev int) (int, error) {
	fsfd, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fsfd)
	for _, o := range [][2]string{
		{"source", "goipvs"},
		{"fd", strconv.Itoa(dev)},
		{"rootmode", strconv.FormatInt(unix.S_IFDIR, 8)},
		{"user_id", strconv.Itoa(os.Geteuid())},
		{"group_id", strconv.Itoa(os.Getegid())},
	} {
		if err := unix.FsconfigSetString(fsfd, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("fsconfig %s: %w", o[0], err)
		}
	}
	if err := unix.FsconfigSetFlag(fsfd, "allow_other"); err != nil {
		return -1, fmt.Errorf("fsconfig allow_other: %w", err)
	}
	if err := unix.FsconfigCreate(fsfd); err != nil {
		return -1, fmt.Errorf("fsconfig: %w", err)
	}
	root, err := unix.Fsmount(fsfd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return root, nil
}

// close takes the file system away, for whoever still has a file of it, too.
func (f *files) close() {
	_ = unix.Close(f.root) // the mount ends with it
	f.server.Wait()
}

// have makes sure that the files of a network namespace are there. Which there
// are its daemon says.
func (f *files) have(netns uint64, d *daemon) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known[netns] {
		return nil
	}
	var settings []control.Setting
	err := d.do(func(c control.Conn) (err error) {
		settings, err = control.NewClient(c).Settings()
		return err
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	dir := func(parent *fs.Inode, name string) *fs.Inode {
		n := parent.NewPersistentInode(ctx, &folder{}, fs.StableAttr{Mode: unix.S_IFDIR})
		parent.AddChild(name, n, true)
		return n
	}
	top := dir(f.top, strconv.FormatUint(netns, 10))
	net, vs := dir(top, "net"), dir(top, "vs")
	for _, name := range procNames {
		net.AddChild(name, net.NewPersistentInode(ctx, &procFile{name: name, d: d}, fs.StableAttr{Mode: unix.S_IFREG}), true)
	}
	for _, s := range settings {
		vs.AddChild(s.Name, vs.NewPersistentInode(ctx, &settingFile{name: s.Name, d: d}, fs.StableAttr{Mode: unix.S_IFREG}), true)
	}
	f.known[netns] = true
	return nil
}

// mode returns a file's type and permissions.
func (f *files) mode(x *file) (uint32, error) {
	var st unix.Stat_t
	err := unix.Fstatat(f.root, x.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st.Mode, err
}
