package room

import (
	"context"
	"maps"
	"sync"

	"sundog/cloud"
)

// Policies caches the parsed policies of a room's resources, for they are asked for with every request. The zero value is ready; all
// methods are safe for concurrent use.
type Policies struct {
	mu      sync.RWMutex
	version uint64
	known   map[cloud.ARN]*cloud.Policy // nil: the resource has none
}

// maxPolicies bounds the cache; over it, it starts anew.
const maxPolicies = 10_000

// Forget drops what is known of a resource; call it after the commit that changed it.
func (p *Policies) Forget(a cloud.ARN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	delete(p.known, a)
}

// ForgetAll drops what is known of every resource that belongs to what changed; call it after the commit.
func (p *Policies) ForgetAll(belongs func(cloud.ARN) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	maps.DeleteFunc(p.known, func(a cloud.ARN, _ *cloud.Policy) bool { return belongs(a) })
}

// Lookup is a Room.ResourcePolicy over read. A resource that is absent (read fails with kind NotFound) has no policy. What was read before
// a change that came between is not kept.
func (p *Policies) Lookup(read func(context.Context, cloud.ARN) (*cloud.Policy, error)) func(context.Context, cloud.ARN) (*cloud.Policy, error) {
	return func(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
		p.mu.RLock()
		doc, ok := p.known[a]
		version := p.version
		p.mu.RUnlock()
		if ok {
			return doc, nil
		}
		doc, err := read(ctx, a)
		if err != nil {
			if cloud.AsError(err).Kind == cloud.NotFound {
				return nil, nil
			}
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.version == version {
			if p.known == nil || len(p.known) >= maxPolicies {
				p.known = map[cloud.ARN]*cloud.Policy{}
			}
			p.known[a] = doc
		}
		return doc, nil
	}
}
