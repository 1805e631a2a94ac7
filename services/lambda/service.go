package lambda

import (
	"context"
	"sync"

	"sundog/engine/compute"
	"sundog/services/room"
)

const service = "lambda"

// Options are what the room needs besides Deps.
type Options struct {
	Dir      string // where packages are unpacked
	Endpoint string // the platform's endpoint as functions reach it
}

// lambdaRoom is the room.
type lambdaRoom struct {
	d        room.Deps
	o        Options
	policies room.Policies
	cache    cache
	code     codeStore
	gates    gates
	storage  storage
	mounts   mounts
	pools    pools
	ready    readiness
	pollers  pollers
	tallies  tallies
	secret   string // signs the locations of packages
	runtimes func() map[string]compute.Runtime
}

// New makes the room and what the platform's own commands need of it.
func New(d room.Deps, o Options) (room.Room, *Admin) {
	r := &lambdaRoom{d: d, o: o, secret: d.IDs.Hex(32)}
	r.code.dir = o.Dir
	r.runtimes = sync.OnceValue(r.knownRuntimes)
	r.pollers.r = r
	return room.Room{
		Service:        service,
		Operations:     r.operations(),
		Refused:        refused(),
		Resources:      r.resources(),
		Front:          front{r},
		Target:         target{r},
		Report:         r.settled,
		Describe:       r.describe,
		ResourcePolicy: r.policies.Lookup(r.readPolicy),
		Blobs:          r.blobs,
		Start:          r.start,
		Close:          r.close,
	}, &Admin{r: r}
}

func (r *lambdaRoom) start(ctx context.Context) error {
	r.sweepFolders(ctx)
	r.ready.start()
	if err := r.provisionAll(ctx); err != nil {
		return err
	}
	return r.pollers.start(ctx)
}

func (r *lambdaRoom) close() error {
	r.ready.close()
	return r.pollers.close()
}

func (r *lambdaRoom) knownRuntimes() map[string]compute.Runtime {
	all := map[string]compute.Runtime{}
	for _, rt := range r.d.Compute.Runtimes(context.Background()) {
		all[rt.Name] = rt
	}
	return all
}
