package blob

import "context"

// Sweep deletes the blobs that earlier processes left and no metadata names, and tells how many went. A blob is committed before its metadata is, so a
// process that was killed in between leaves one behind. named calls fn for every id that the metadata names, as of one moment after Sweep was
// called; others may write meanwhile, as long as a left blob that nothing names at that moment is never named again.
func Sweep(ctx context.Context, s Store, named func(ctx context.Context, fn func(id string) error) error) (gone int, err error) {
	left := map[string]struct{}{}
	if err := s.Left(ctx, func(id string) error { left[id] = struct{}{}; return nil }); err != nil || len(left) == 0 {
		return 0, err
	}
	if err := named(ctx, func(id string) error { delete(left, id); return nil }); err != nil {
		return 0, err
	}
	for id := range left {
		if err := s.Delete(ctx, id); err != nil {
			return gone, err
		}
		gone++
	}
	return gone, nil
}
