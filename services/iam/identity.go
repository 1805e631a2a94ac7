package iam

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/recent"
	"sundog/lang/policydoc"
)

// How much identity remembers. Everything can be read or computed again.
const (
	maxSessions  = 4096
	maxUserKeys  = 1024
	maxSets      = 2048
	maxDocuments = 4096
)

// identity answers who holds a key and what he may do. Every request asks it twice, so it remembers; what it remembers of the
// store is good for one generation, which ends with every commit of the room.
type identity struct {
	r         *iamRoom
	sessions  *recent.Map[sessionID, *opened]
	keys      *recent.Map[string, *userKey]
	sets      *recent.Map[setID, *policySet]
	documents *recent.Map[string, *cloud.Policy]

	tracing sync.RWMutex
	running map[string]*cloud.Trace // by environment
}

type sessionID struct{ accessKey, token string }

type opened struct {
	secret    string
	principal cloud.Principal
	expires   int64
}

type userKey struct {
	generation uint64
	secret     string
	principal  cloud.Principal
}

type setID struct{ arn, id, accessKey string }

type policySet struct {
	generation uint64
	set        cloud.PolicySet
}

func newIdentity(r *iamRoom) *identity {
	return &identity{
		r: r, running: map[string]*cloud.Trace{}, sessions: recent.New[sessionID, *opened](maxSessions), keys: recent.New[string, *userKey](maxUserKeys),
		sets: recent.New[setID, *policySet](maxSets), documents: recent.New[string, *cloud.Policy](maxDocuments),
	}
}

// Secret is cloud.Identity's.
func (i *identity) Secret(ctx context.Context, accessKey, token string) (string, cloud.Principal, *cloud.Trace, error) {
	if i.r.roots != nil {
		if secret, owner, ok := i.r.roots(accessKey); ok {
			p := cloud.RootOf(owner)
			p.AccessKey = accessKey
			return secret, p, nil, nil
		}
	}
	if token == "" {
		k, err := i.userKey(ctx, accessKey)
		if err != nil {
			return "", cloud.Principal{}, nil, err
		}
		return k.secret, k.principal, nil, nil
	}
	s, err := i.session(ctx, accessKey, token)
	if err != nil {
		return "", cloud.Principal{}, nil, err
	}
	return s.secret, s.principal, i.trace(s.principal.Environment), nil
}

func (i *identity) session(ctx context.Context, accessKey, token string) (*opened, error) {
	id := sessionID{accessKey, token}
	o, ok := i.sessions.Get(id)
	if !ok {
		s, err := i.r.sealing(ctx)
		if err != nil {
			return nil, err
		}
		g, secret, ok := s.open(accessKey, token)
		if !ok {
			return nil, errInvalidToken()
		}
		o = &opened{secret: secret, principal: g.principal(accessKey), expires: g.Expires}
		i.sessions.Put(id, o)
	}
	if i.r.d.Clock.Wall().Unix() >= o.expires {
		return nil, errExpiredToken()
	}
	return o, nil
}

// userKey finds the long-term key of a user.
func (i *identity) userKey(ctx context.Context, id string) (*userKey, error) {
	generation := i.r.generation.Load()
	if k, ok := i.keys.Get(id); ok && k.generation == generation {
		return k, nil
	}
	owner, _, ok := keyAccount(id)
	if !ok || !strings.HasPrefix(id, prefixLongTerm) {
		return nil, errInvalidToken()
	}
	found := &userKey{generation: generation}
	err := i.r.d.Store.View(ctx, func(tx store.Reader) error {
		raw, err := tx.Get(accessKeyKey(owner, id))
		if err != nil {
			return err
		}
		if raw == nil {
			return errInvalidToken()
		}
		var k accessKey
		if err := json.Unmarshal(raw, &k); err != nil {
			return err
		}
		if k.Status != active {
			return errInvalidToken()
		}
		u, err := users.find(tx, owner, k.User)
		if err != nil {
			return err
		}
		if u == nil {
			return errInvalidToken()
		}
		found.secret = k.Secret
		found.principal = cloud.Principal{Kind: cloud.User, Account: owner, ARN: users.arnOf(owner, u), ID: u.ID, AccessKey: id}
		return nil
	})
	if err != nil {
		return nil, err
	}
	i.keys.Put(id, found)
	return found, nil
}

// Policies is cloud.Identity's. The set is shared: do not change it.
func (i *identity) Policies(ctx context.Context, p cloud.Principal) (cloud.PolicySet, error) {
	id := setID{arn: p.ARN, id: p.ID}
	switch p.Kind {
	case cloud.User:
	case cloud.AssumedRole:
		id.arn = p.Role.String()
		id.id, _, _ = strings.Cut(p.ID, ":")
		if _, flags, ok := keyAccount(p.AccessKey); ok && flags&flagPolicies != 0 {
			id.accessKey = p.AccessKey
		}
	default:
		return cloud.PolicySet{}, nil
	}
	generation := i.r.generation.Load()
	if s, ok := i.sets.Get(id); ok && s.generation == generation {
		return s.set, nil
	}
	s := &policySet{generation: generation}
	err := i.r.d.Store.View(ctx, func(tx store.Reader) (err error) {
		s.set, err = i.load(tx, p, id)
		return err
	})
	if err == nil {
		i.sets.Put(id, s)
	}
	return s.set, err
}

// nothing is the policy that allows nothing: it stands for one that should be there and is not.
func nothing() *cloud.Policy { return &cloud.Policy{Version: "2012-10-17"} }

func (i *identity) load(tx store.Reader, p cloud.Principal, id setID) (set cloud.PolicySet, err error) {
	name, boundary := lastPart(id.arn), ""
	if p.Kind == cloud.User {
		u, err := users.find(tx, p.Account, name)
		if err != nil || u == nil || u.ID != id.id {
			return set, err
		}
		boundary = u.Boundary
		if set.Identity, err = i.userPolicies(tx, p.Account, u); err != nil {
			return set, err
		}
	} else {
		v, err := roles.find(tx, p.Account, name)
		// A room that acts as a role, without a session of it, gives no id.
		if err != nil || v == nil || id.id != "" && v.ID != id.id {
			return set, err
		}
		boundary = v.Boundary
		if set.Identity, err = i.granted(tx, nil, &v.grants); err != nil {
			return set, err
		}
	}
	if boundary != "" {
		if set.Boundary, err = i.managed(tx, boundary); err != nil {
			return set, err
		}
	}
	if id.accessKey != "" {
		set.Session, err = i.sessionPolicies(tx, p.Account, id.accessKey)
	}
	return set, err
}

func (i *identity) userPolicies(tx store.Reader, owner string, u *user) ([]*cloud.Policy, error) {
	list, err := i.granted(tx, nil, &u.grants)
	for _, name := range u.Groups {
		if err != nil {
			break
		}
		var g *group
		if g, err = groups.find(tx, owner, name); g != nil {
			list, err = i.granted(tx, list, &g.grants)
		}
	}
	return list, err
}

func (i *identity) granted(tx store.Reader, list []*cloud.Policy, g *grants) ([]*cloud.Policy, error) {
	for _, name := range slices.Sorted(maps.Keys(g.Inline)) {
		p, err := i.parse(g.Inline[name])
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	for _, arn := range g.Attached {
		p, err := i.managed(tx, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (i *identity) managed(tx store.Reader, arn string) (*cloud.Policy, error) {
	m, err := i.r.policyAt(tx, arn)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nothing(), nil
	}
	return i.parse(m.document())
}

// parse gives the same pointer for the same text, so that evaluators can remember what they compiled.
func (i *identity) parse(document string) (*cloud.Policy, error) {
	if p, ok := i.documents.Get(document); ok {
		return p, nil
	}
	p, err := policydoc.Parse(document, policydoc.Identity)
	if err == nil {
		i.documents.Put(document, p)
	}
	return p, err
}

// Issue is cloud.Identity's.
func (i *identity) Issue(ctx context.Context, arn cloud.ARN, session, environment string, ttl time.Duration) (cloud.Credentials, error) {
	v, err := roles.read(ctx, i.r, arn.Account, lastPart(arn.Resource))
	if err != nil {
		return cloud.Credentials{}, err
	}
	if roles.arnOf(arn.Account, v) != arn.String() {
		return cloud.Credentials{}, errNoEntity("The role with ARN %s cannot be found.", arn)
	}
	g := &grant{
		Kind: cloud.AssumedRole, Account: arn.Account, Role: arn.String(), ID: v.ID,
		Session: sessionName(session), Environment: environment,
	}
	return i.r.credentials(ctx, g, 0, ttl)
}

// sessionName makes a name fit for a role session: 2 to 64 characters of what IAM allows.
func sessionName(name string) string {
	name = strings.Map(func(c rune) rune {
		if nameRune(c) {
			return c
		}
		return '-'
	}, name)
	for len(name) < 2 {
		name += "-"
	}
	return name[:min(len(name), 64)]
}

// Running is cloud.Identity's.
func (i *identity) Running(environment string, t *cloud.Trace) {
	i.tracing.Lock()
	defer i.tracing.Unlock()
	if t == nil {
		delete(i.running, environment)
	} else {
		i.running[environment] = t
	}
}

func (i *identity) trace(environment string) *cloud.Trace {
	if environment == "" {
		return nil
	}
	i.tracing.RLock()
	defer i.tracing.RUnlock()
	return i.running[environment]
}

// lastPart gives what follows the last slash.
func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// Interface guard.
var _ cloud.Identity = (*identity)(nil)
