package wrap

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"goipvs/internal/control"
)

// The modes of /proc's files.
const (
	folderMode  = 0o555
	procMode    = 0o444
	settingMode = 0o644
)

// folder is a folder of the tree.
type folder struct{ fs.Inode }

var _ fs.NodeGetattrer = (*folder)(nil)

// Getattr implements fs.NodeGetattrer.
func (*folder) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Nlink = folderMode, 1
	return 0
}

// procFile is a file of /proc/net. Its text is made when it is read from the
// beginning, and is the same for the rest.
type procFile struct {
	fs.Inode
	name string
	d    *daemon
}

// procText is an open procFile.
type procText struct {
	mu   sync.Mutex
	text []byte
}

var (
	_ fs.NodeGetattrer = (*procFile)(nil)
	_ fs.NodeOpener    = (*procFile)(nil)
	_ fs.NodeReader    = (*procFile)(nil)
)

// Getattr implements fs.NodeGetattrer.
func (*procFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Nlink = procMode, 1
	return 0
}

// Open implements fs.NodeOpener.
func (*procFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return &procText{}, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (f *procFile) Read(_ context.Context, h fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	t := h.(*procText)
	t.mu.Lock()
	defer t.mu.Unlock()
	if off == 0 {
		var b bytes.Buffer
		err := f.d.do(func(c control.Conn) error {
			b.Reset()
			return control.NewClient(c).Proc(f.name, &b)
		})
		if err != nil {
			return nil, errno(err)
		}
		t.text = b.Bytes()
	}
	rest := t.text[min(off, int64(len(t.text))):]
	return fuse.ReadResultData(rest[:min(len(rest), len(dest))]), 0
}

// settingFile is a file of /proc/sys/net/ipv4/vs.
type settingFile struct {
	fs.Inode
	name string
	d    *daemon
}

var (
	_ fs.NodeGetattrer = (*settingFile)(nil)
	_ fs.NodeOpener    = (*settingFile)(nil)
	_ fs.NodeReader    = (*settingFile)(nil)
	_ fs.NodeWriter    = (*settingFile)(nil)
	_ fs.NodeSetattrer = (*settingFile)(nil)
)

// Getattr implements fs.NodeGetattrer.
func (*settingFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Nlink = settingMode, 1
	return 0
}

// Setattr implements fs.NodeSetattrer: truncating is nothing.
func (f *settingFile) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return f.Getattr(ctx, h, out)
}

// Open implements fs.NodeOpener.
func (*settingFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader. There is something at the beginning only.
//
// Kernel: kernel/sysctl.c, __do_proc_dointvec (6.1).
func (f *settingFile) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if off != 0 {
		return fuse.ReadResultData(nil), 0
	}
	var value string
	err := f.d.do(func(c control.Conn) (err error) {
		value, err = control.NewClient(c).Setting(f.name)
		return err
	})
	if err != nil {
		return nil, errno(err)
	}
	text := []byte(value + "\n")
	return fuse.ReadResultData(text[:min(len(text), len(dest))]), 0
}

// Write implements fs.NodeWriter. What isn't written to the beginning is taken
// and ignored.
//
// Kernel: kernel/sysctl.c, proc_first_pos_non_zero_ignore (6.1).
func (f *settingFile) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if off != 0 {
		return uint32(len(data)), 0
	}
	err := f.d.do(func(c control.Conn) error { return control.NewClient(c).SetSetting(f.name, string(data)) })
	if err != nil {
		return 0, errno(err)
	}
	return uint32(len(data)), 0
}

// errno returns the number in an error, EIO where it has none.
func errno(err error) syscall.Errno {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return syscall.EIO
}
