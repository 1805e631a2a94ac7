package blob

import "context"

// Sweep deletes every committed blob that keep does not know, and tells how many went. A blob is committed before its metadata is: when writers
// are at work, keep must say true for ids that it cannot judge yet. Call it with the blobs listed before (List) the metadata is read, as at start.
func Sweep(ctx context.Context, s Store, keep func(id string) (bool, error)) (gone int, err error) {
	var ids []string
	if err := s.List(ctx, func(id string) error { ids = append(ids, id); return nil }); err != nil {
		return 0, err
	}
	for _, id := range ids {
		stays, err := keep(id)
		if err != nil {
			return gone, err
		}
		if stays {
			continue
		}
		if err := s.Delete(ctx, id); err != nil {
			return gone, err
		}
		gone++
	}
	return gone, nil
}
