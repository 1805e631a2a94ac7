package catalog

import (
	"net/url"
	"testing"
)

func TestEveryServiceReads(t *testing.T) {
	all, err := Services()
	if err != nil {
		t.Fatal(err)
	}
	operations := 0
	for _, s := range all {
		ops, err := s.Operations()
		if err != nil {
			t.Fatalf("%s: %v", s.Model, err)
		}
		operations += len(ops)
	}
	if len(all) < 400 || operations < 20000 {
		t.Fatalf("%d services, %d operations", len(all), operations)
	}
}

func TestByTarget(t *testing.T) {
	s := ByTarget("RekognitionService")
	if s == nil || s.ServiceID != "Rekognition" || s.Schema().Protocols[0] != "json" {
		t.Fatalf("got %+v", s)
	}
	if ByTarget("") != nil || ByTarget("Nonsense") != nil {
		t.Fatal("an unknown target was found")
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ model, method, target, want string }{
		{"s3/2006-03-01", "GET", "/b?inventory&id=1", "GetBucketInventoryConfiguration"},
		{"s3/2006-03-01", "GET", "/b/a/b/c?torrent", "GetObjectTorrent"},
		{"batch/2016-08-10", "POST", "/v1/submitjob", "SubmitJob"},
		{"batch/2016-08-10", "POST", "/v1/nosuch", ""},
		{"apigateway/2015-07-09", "GET", "/restapis/abc/resources", "GetResources"},
	} {
		u, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		got := ByModel(c.model).Find(c.method, u.Path, func(k string) (string, bool) { return q.Get(k), q.Has(k) })
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.method, c.target, got, c.want)
		}
	}
}
