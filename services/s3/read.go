package s3

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"sundog/engine/blob"
	"sundog/engine/store"
)

// read opens a part of an object; blob.ErrNotFound when the object was replaced since it was found. The caller closes.
func (r *s3Room) read(ctx context.Context, b *bucket, o *object, s span) (io.ReadCloser, error) {
	if o.Upload == "" {
		return r.d.Blob.Open(ctx, o.Blob, s.off, s.n)
	}
	p := &pieces{r: r, ctx: ctx, bucket: b.Name, upload: o.Upload}
	r.pins.hold(o.Upload)
	err := r.d.Store.View(ctx, func(rd store.Reader) error {
		// The upload may have gone between finding the object and holding it.
		gone, err := rd.Get(goneKey(b.Name, o.Upload))
		if err != nil {
			return err
		}
		if gone != nil {
			return blob.ErrNotFound
		}
		p.left, err = piecesOf(rd, b.Name, o.Upload, s)
		return err
	})
	if err == nil && len(p.left) == 0 && s.n > 0 {
		err = blob.ErrNotFound
	}
	if err != nil {
		p.done()
		return nil, err
	}
	return p, nil
}

// slice is a part of a blob.
type slice struct {
	blob   string
	off, n int64
}

// piecesOf gives the slices of blobs that make up a part of an object.
func piecesOf(rd store.Reader, bucket, upload string, s span) ([]slice, error) {
	base := piecesKey(bucket, upload)
	var out []slice
	it := rd.Scan(store.ScanOptions{Lo: base, Hi: base.Clone().U64(uint64(s.off + s.n))})
	defer func() { _ = it.Close() }()
	for it.Next() {
		var p part
		if err := json.Unmarshal(it.Value(), &p); err != nil {
			return nil, err
		}
		from, to := max(s.off, p.Offset), min(s.off+s.n, p.Offset+p.Size)
		if from < to {
			out = append(out, slice{p.Blob, from - p.Offset, to - from})
		}
	}
	return out, it.Err()
}

// pieces reads slices of blobs one after another. The upload that they belong to is held until Close.
type pieces struct {
	r              *s3Room
	ctx            context.Context
	bucket, upload string
	left           []slice
	now            io.ReadCloser
	once           sync.Once
}

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (int, error) {
	for {
		if p.now == nil {
			if len(p.left) == 0 {
				return 0, io.EOF
			}
			s := p.left[0]
			p.left = p.left[1:]
			var err error
			if p.now, err = p.r.d.Blob.Open(p.ctx, s.blob, s.off, s.n); err != nil {
				return 0, err
			}
		}
		n, err := p.now.Read(b)
		if errors.Is(err, io.EOF) {
			err = p.now.Close()
			p.now = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (p *pieces) Close() error {
	p.done()
	if p.now == nil {
		return nil
	}
	err := p.now.Close()
	p.now = nil
	return err
}

func (p *pieces) done() {
	p.once.Do(func() {
		if bucket := p.r.pins.release(p.upload); bucket != "" {
			p.r.clean(bucket)
		}
	})
}
