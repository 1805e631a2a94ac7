package cfn

import (
	"math/big"
	"net/netip"
	"strconv"
)

const maxBlocks = 256

// cidr evaluates Fn::Cidr: [ipBlock, count, cidrBits]; cidrBits counts the host bits of each block.
func (e *evaluator) cidr(arg Value) (any, error) {
	if arg.Kind != List || len(arg.Items) < 2 || len(arg.Items) > 3 {
		return nil, arg.errorf("Template error: every Fn::Cidr object requires two or three parameters: ipBlock, count and cidrBits")
	}
	block, err := e.str(arg.Items[0], "Fn::Cidr")
	if err != nil {
		return nil, err
	}
	numbers := []int{0, 8}
	for i, item := range arg.Items[1:] {
		s, err := e.str(item, "Fn::Cidr")
		if err != nil {
			return nil, err
		}
		if numbers[i], err = strconv.Atoi(s); err != nil {
			return nil, item.errorf("Template error: Fn::Cidr: %q is not an integer", s)
		}
	}
	p, err := netip.ParsePrefix(block)
	if err != nil {
		return nil, arg.errorf("Template error: Fn::Cidr: invalid ipBlock %s", block)
	}
	count, bits := numbers[0], numbers[1]
	length := p.Addr().BitLen() - bits
	if count < 1 || count > maxBlocks || bits < 0 || length < p.Bits() {
		return nil, arg.errorf("Template error: Fn::Cidr: count must be from 1 to %d, and the blocks must fit into %s", maxBlocks, block)
	}
	at := new(big.Int).SetBytes(p.Masked().Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	var out []any
	for range count {
		a, ok := netip.AddrFromSlice(at.FillBytes(make([]byte, p.Addr().BitLen()/8)))
		if !ok || !p.Contains(a) {
			return nil, arg.errorf("Template error: Fn::Cidr: %d blocks do not fit into %s", count, block)
		}
		out = append(out, netip.PrefixFrom(a, length).String())
		at.Add(at, step)
		if at.BitLen() > p.Addr().BitLen() {
			break
		}
	}
	return out, nil
}
