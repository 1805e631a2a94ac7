package app

import (
	"context"

	"sundog/engine/blob"
)

// startSweep removes, in the background, the blobs that a process which was killed had committed without a row that names them.
func (p *Platform) startSweep(ctx context.Context) {
	p.beside.Go(func() {
		gone, err := blob.Sweep(ctx, p.blob, p.named)
		if err != nil && ctx.Err() == nil {
			p.o.Log.Error("blobs that nothing names stay until the next start", "error", err)
		}
		if gone > 0 {
			p.o.Log.Info("removed blobs that nothing names", "count", gone)
		}
	})
}

// named calls fn for every blob that a room's rows name.
func (p *Platform) named(ctx context.Context, fn func(id string) error) error {
	for _, r := range p.House.Rooms {
		if r.Blobs == nil {
			continue
		}
		if err := r.Blobs(ctx, fn); err != nil {
			return err
		}
	}
	return nil
}
