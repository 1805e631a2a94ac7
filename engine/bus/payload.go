package bus

import (
	"unsafe"

	"sundog/engine/store"
	"sundog/engine/store/overlay"
)

// minShared is the size from which a payload that several deliveries of one Emit have in common is stored once.
const minShared = 512

func payloadKey(s store.Shard, name string) store.Key {
	return store.K(s, "bus", "payload").Str(name)
}
func refsKey(s store.Shard, name string) store.Key { return store.K(s, "bus", "refs").Str(name) }

// place is where a payload lies in memory: deliveries share a payload when they were given the same bytes.
type place struct {
	at  *byte
	len int
}

func identify(payload []byte) place {
	if len(payload) < minShared {
		return place{}
	}
	return place{unsafe.SliceData(payload), len(payload)}
}

// share stores the payloads that several deliveries have in common, and gives their names.
func (b *Dispatcher) share(tx store.Tx, s store.Shard, deliveries []Delivery) (map[place]string, error) {
	if len(deliveries) < 2 {
		return nil, nil
	}
	refs := map[place]int64{}
	for _, d := range deliveries {
		refs[identify(d.Payload)]++
	}
	names := map[place]string{}
	for _, d := range deliveries {
		p := identify(d.Payload)
		if p.at == nil || refs[p] < 2 || names[p] != "" {
			continue
		}
		name := b.o.IDs.Hex(12)
		names[p] = name
		if err := tx.Put(payloadKey(s, name), d.Payload); err != nil {
			return nil, err
		}
		if err := tx.Put(refsKey(s, name), overlay.Counter(refs[p])); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// unref lets go of a shared payload, and deletes it with the last delivery; "" is none.
func unref(tx store.Tx, s store.Shard, name string) error {
	if name == "" {
		return nil
	}
	v, err := tx.Get(refsKey(s, name))
	if err != nil {
		return err
	}
	if n := overlay.Count(v); n > 1 {
		return tx.Put(refsKey(s, name), overlay.Counter(n-1))
	}
	if err := tx.Delete(refsKey(s, name)); err != nil {
		return err
	}
	return tx.Delete(payloadKey(s, name))
}

// payloads are shared payloads that one read has met: deliveries that are read together share them in memory too.
type payloads map[string][]byte

func (p payloads) get(r store.Reader, s store.Shard, name string) ([]byte, error) {
	if b, ok := p[name]; ok {
		return b, nil
	}
	b, err := r.Get(payloadKey(s, name))
	p[name] = b
	return b, err
}
