package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// network says how sockets for all addresses are opened.
type network struct{ tcp, all string }

// openNetwork brings up the namespace's only interface, lo, and has it take every address there is. Nothing leads out: whoever connects anywhere reaches
// a socket that listens here, or nobody.
func openNetwork() (network, error) {
	lo, err := up("lo")
	if err != nil {
		return network{}, fmt.Errorf("network: lo: %w", err)
	}
	if err := takeAll(unix.AF_INET, lo, []byte{127, 0, 0, 1}); err != nil {
		return network{}, fmt.Errorf("network: routes: %w", err)
	}
	if err := takeAll(unix.AF_INET6, lo, net.IPv6loopback); err != nil { // a kernel without IPv6
		return network{"tcp4", "0.0.0.0"}, nil //nolint:nilerr // it is not needed
	}
	return network{"tcp", "[::]"}, nil
}

// listen opens the sockets.
func (n network) listen(ports []Port) ([]*os.File, error) {
	var files []*os.File
	for _, p := range ports {
		f, err := n.open(p)
		if err != nil {
			closeFiles(files)
			return nil, fmt.Errorf("network: port %d: %w", p.Number, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func (n network) open(p Port) (*os.File, error) {
	port := strconv.Itoa(p.Number)
	if p.Network == "udp" {
		c, err := net.ListenPacket("udp4", "127.0.0.1:"+port)
		if err != nil {
			return nil, err
		}
		defer func() { _ = c.Close() }()
		u, ok := c.(*net.UDPConn)
		if !ok {
			return nil, errors.New("no UDP socket")
		}
		return u.File()
	}
	l, err := net.Listen(n.tcp, n.all+":"+port)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	t, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.New("no TCP socket")
	}
	return t.File()
}

// up brings an interface up and gives its index.
func up(name string) (int, error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer closeFD(s)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r); err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFINDEX, r); err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}

// takeAll adds the route that makes every address of a family local: packets to it come in by lo, from the loopback address.
func takeAll(family byte, lo int, from []byte) error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer closeFD(s)
	if err := unix.Sendto(s, routeMessage(family, lo, from), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(s, buf, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(buf[4:]) != unix.NLMSG_ERROR {
		return errors.New("netlink: an unexpected answer")
	}
	if code := int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// routeMessage is RTM_NEWROUTE: "local default dev lo src FROM".
func routeMessage(family byte, lo int, from []byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr)
	b = append(b, family, 0, 0, 0, unix.RT_TABLE_LOCAL, unix.RTPROT_BOOT, unix.RT_SCOPE_HOST, unix.RTN_LOCAL, 0, 0, 0, 0)
	attr := func(kind uint16, value []byte) {
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = append(b, value...)
	}
	attr(unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(lo)))
	attr(unix.RTA_PREFSRC, from)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.RTM_NEWROUTE)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	binary.NativeEndian.PutUint32(b[8:], 1)
	return b
}

func closeFD(fd int) { _ = unix.Close(fd) }
