package wire

import (
	"io"
	"net/http"
)

// SetStream gives a request a streamed body. If the stream can seek, its length is known and it can be sent again; else it is sent
// in chunks, once.
func SetStream(r *http.Request, body io.Reader) error {
	r.Body = io.NopCloser(body)
	r.ContentLength = -1
	s, ok := body.(io.Seeker)
	if !ok {
		return nil
	}
	start, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := s.Seek(start, io.SeekStart); err != nil {
		return err
	}
	r.ContentLength = end - start
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	r.GetBody = func() (io.ReadCloser, error) {
		_, err := s.Seek(start, io.SeekStart)
		return io.NopCloser(body), err
	}
	return nil
}
