package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	blobfile "sundog/engine/blob/file"
	blobmem "sundog/engine/blob/mem"
	"sundog/engine/store"
	"sundog/engine/store/mem"
	"sundog/engine/store/pebble"
)

// openStore opens the store in the platform's folder, which is the owner's alone. From then on no other process uses the folder.
func (p *Platform) openStore() error {
	if p.o.Durability == Memory {
		if p.o.Data == "" {
			dir, err := os.MkdirTemp("", "sundog-")
			if err != nil {
				return err
			}
			p.o.Data, p.temporary = dir, true
		}
		p.store = mem.New()
		return nil
	}
	if p.o.Durability != Sync && p.o.Durability != Relaxed {
		return fmt.Errorf("durability is %q; it must be %s or %s", p.o.Durability, Sync, Relaxed)
	}
	if err := os.MkdirAll(p.o.Data, 0o700); err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	if err := checkFormat(p.o.Data); err != nil {
		return err
	}
	s, err := pebble.Open(pebble.Options{Dir: filepath.Join(p.o.Data, "store"), Relaxed: p.o.Durability == Relaxed, Log: p.o.Log})
	if err != nil {
		return err
	}
	p.store = s
	return nil
}

// openBeside opens what stands beside the store: telemetry's, and the blobs.
func (p *Platform) openBeside() error {
	if p.o.Durability == Memory {
		p.side, p.blob = mem.New(), blobmem.New(p.ids)
		return nil
	}
	side, err := pebble.Open(pebble.Options{Dir: filepath.Join(p.o.Data, "telemetry"), Relaxed: true, Memtable: 4 << 20, Cache: 2 << 20, Runs: 8, Pace: 16 << 20, Log: p.o.Log})
	if err != nil {
		return err
	}
	p.side = side
	b, err := blobfile.Open(blobfile.Options{Dir: filepath.Join(p.o.Data, "blobs"), IDs: p.ids, Sync: p.o.Durability == Sync})
	if err != nil {
		return err
	}
	p.blob = b
	return nil
}

func (p *Platform) closeStorage() error {
	var errs []error
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.side != nil {
		errs = append(errs, p.side.Close())
	}
	if p.blob != nil {
		errs = append(errs, p.blob.Close())
	}
	if p.temporary {
		errs = append(errs, os.RemoveAll(p.o.Data))
	}
	return errors.Join(errs...)
}

// scratch is the folder of environments and runtimes.
func (p *Platform) scratch() string { return filepath.Join(p.o.Data, "compute") }

func offsetKey() store.Key { return store.K(store.ShardOf("app"), "app", "clock") }

// readOffset gives how far the clock was ahead at the last move.
func (p *Platform) readOffset(ctx context.Context) (d time.Duration, err error) {
	err = p.store.View(ctx, func(rd store.Reader) error {
		b, err := rd.Get(offsetKey())
		if len(b) == 8 {
			d = time.Duration(binary.BigEndian.Uint64(b))
		}
		return err
	})
	return d, err
}

func (p *Platform) writeOffset(ctx context.Context, d time.Duration) error {
	return p.store.Update(ctx, func(tx store.Tx) error {
		return tx.Put(offsetKey(), binary.BigEndian.AppendUint64(nil, uint64(d)))
	})
}
