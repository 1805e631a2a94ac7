package s3

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	api "sundog/api/s3"
	"sundog/cloud"
)

// model is what a bucket should hold.
type model map[string]string

// page gives what a listing should give, all pages together.
func (m model) list(prefix, delimiter, after string) (keys, prefixes []string) {
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}) {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			p := k[:len(prefix)+i+len(delimiter)]
			if !strings.HasPrefix(after, p) && !slices.Contains(prefixes, p) {
				prefixes = append(prefixes, p)
			}
			continue
		}
		keys = append(keys, k)
	}
	return keys, prefixes
}

// pages walks through a listing.
func (b *bench) pages(n *string, prefix, delimiter, after string, limit int32) (keys, prefixes []string, err error) {
	in := &api.ListObjectsV2Input{Bucket: n, Prefix: &prefix, Delimiter: &delimiter, StartAfter: &after, MaxKeys: &limit}
	for range 1000 {
		out, err := b.r.listObjectsV2(b.ctx, in)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
		if int(*out.KeyCount) > int(limit) {
			return nil, nil, fmt.Errorf("a page of %d", *out.KeyCount)
		}
		if !*out.IsTruncated {
			return keys, prefixes, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
	return nil, nil, fmt.Errorf("the listing does not end")
}

// versionPages walks through all versions: "key version latest", "key! ..." for delete markers.
func (b *bench) versionPages(n *string, limit int32) (all []string, err error) {
	in := &api.ListObjectVersionsInput{Bucket: n, MaxKeys: &limit}
	for range 1000 {
		out, err := b.r.listObjectVersions(b.ctx, in)
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			all = append(all, fmt.Sprintf("%s %s %v", *v.Key, *v.VersionId, *v.IsLatest))
		}
		for _, v := range out.DeleteMarkers {
			all = append(all, fmt.Sprintf("%s %s %v", *v.Key, *v.VersionId, *v.IsLatest))
		}
		if !*out.IsTruncated {
			sort.Strings(all)
			return all, nil
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
	return nil, fmt.Errorf("the listing does not end")
}

var keyGen = rapid.StringMatching(`[ab/\x00é]{1,4}`)

func TestListAgreesWithModel(t *testing.T) {
	b := start(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		n := b.bucket(fmt.Sprintf("bucket-%d", run))
		m := model{}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k := keyGen.Draw(rt, "key")
				v := rapid.StringN(0, 5, -1).Draw(rt, "value")
				b.put(n, k, v)
				m[k] = v
			},
			"delete": func(rt *rapid.T) {
				k := keyGen.Draw(rt, "key")
				b.drop(n, k, nil)
				delete(m, k)
			},
			"get": func(rt *rapid.T) {
				k := keyGen.Draw(rt, "key")
				want, ok := m[k]
				if !ok {
					if err := second(b.r.getObject(b.ctx, &api.GetObjectInput{Bucket: n, Key: &k})); !cloud.IsCode(err, "NoSuchKey") {
						rt.Fatal(err)
					}
					return
				}
				if got := b.get(n, k); got != want {
					rt.Fatalf("%q: %q, want %q", k, got, want)
				}
			},
			"list": func(rt *rapid.T) {
				prefix := rapid.StringMatching(`[ab/]{0,2}`).Draw(rt, "prefix")
				delimiter := rapid.SampledFrom([]string{"", "/", "a", "//"}).Draw(rt, "delimiter")
				after := rapid.SampledFrom([]string{"", "a", "a/", "b", "/a"}).Draw(rt, "after")
				keys, prefixes, err := b.pages(n, prefix, delimiter, after, rapid.Int32Range(1, 4).Draw(rt, "limit"))
				wantKeys, wantPrefixes := m.list(prefix, delimiter, after)
				if err != nil || !slices.Equal(keys, wantKeys) || !slices.Equal(prefixes, wantPrefixes) {
					rt.Fatalf("%q %q after %q: %q %q, want %q %q, %v", prefix, delimiter, after, keys, prefixes, wantKeys, wantPrefixes, err)
				}
			},
		})
	})
}

// history is what a bucket with versions should hold: for each key its versions, newest first; "" is a delete marker.
type history map[string][]entry

type entry struct {
	id, body string
	marker   bool
}

func (h history) drop(key, id string) {
	h[key] = slices.DeleteFunc(slices.Clone(h[key]), func(e entry) bool { return e.id == id })
}

func (h history) listed() []string {
	var all []string
	for k, list := range h {
		for i, e := range list {
			all = append(all, fmt.Sprintf("%s %s %v", k, e.id, i == 0))
		}
	}
	sort.Strings(all)
	return all
}

func TestVersionsAgreeWithModel(t *testing.T) {
	b := start(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		n := b.versioned(fmt.Sprintf("bucket-%d", run))
		h, suspended := history{}, false
		key := rapid.SampledFrom([]string{"a", "a/", "b"})
		add := func(k string, e entry) {
			if suspended {
				h.drop(k, null)
			}
			h[k] = append([]entry{e}, h[k]...)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k, body := key.Draw(rt, "key"), fmt.Sprint(rapid.Int().Draw(rt, "body"))
				id := b.put(n, k, body).VersionId
				if id == nil {
					id = new(null)
				}
				add(k, entry{*id, body, false})
			},
			"delete": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				add(k, entry{*b.drop(n, k, nil).VersionId, "", true})
			},
			"remove": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				if len(h[k]) > 0 {
					id := h[k][rapid.IntRange(0, len(h[k])-1).Draw(rt, "which")].id
					b.drop(n, k, &id)
					h.drop(k, id)
				}
			},
			"toggle": func(*rapid.T) {
				suspended = !suspended
				b.setVersioning(n, map[bool]string{true: "Suspended", false: "Enabled"}[suspended])
			},
			"": func(rt *rapid.T) {
				got, err := b.versionPages(n, rapid.Int32Range(1, 3).Draw(rt, "limit"))
				if err != nil || !slices.Equal(got, h.listed()) {
					rt.Fatalf("%q, want %q, %v", got, h.listed(), err)
				}
				for k, list := range h {
					if len(list) > 0 && !list[0].marker {
						if got := b.get(n, k); got != list[0].body {
							rt.Fatalf("%s: %s, want %s", k, got, list[0].body)
						}
					}
				}
			},
		})
	})
}
