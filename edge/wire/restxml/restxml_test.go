package restxml_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sundog/api/s3"
	"sundog/cloud"
	"sundog/cloud/schema"
	"sundog/edge/wire/restxml"
)

func ptr[T any](v T) *T { return &v }

func encode(t *testing.T, op *schema.Operation, out any) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := (restxml.Protocol{}).Encode(w, httptest.NewRequest("GET", "/", nil), op, out, "id"); err != nil {
		t.Fatal(err)
	}
	return w
}

const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func TestEncodeS3(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		op   *schema.Operation
		out  any
		want string
	}{
		{s3.ListObjectsV2Op, &s3.ListObjectsV2Output{Name: ptr("b"), Contents: []s3.Object{{Key: ptr("a&b"), ETag: ptr(`"x"`), Size: ptr(int64(3)), LastModified: &at}}, CommonPrefixes: []s3.CommonPrefix{{Prefix: ptr("p/")}}},
			`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>a&amp;b</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>&quot;x&quot;</ETag><Size>3</Size></Contents><Name>b</Name><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>`},
		{s3.GetBucketLocationOp, &s3.GetBucketLocationOutput{LocationConstraint: ptr("eu-west-1")}, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>`},
		{s3.GetBucketLocationOp, &s3.GetBucketLocationOutput{}, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`},
		{s3.GetBucketTaggingOp, &s3.GetBucketTaggingOutput{TagSet: []s3.Tag{{Key: ptr("k"), Value: ptr("")}}}, `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>k</Key><Value></Value></Tag></TagSet></Tagging>`},
		{s3.CopyObjectOp, &s3.CopyObjectOutput{CopyObjectResult: &s3.CopyObjectResult{ETag: ptr("e")}}, `<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>e</ETag></CopyObjectResult>`},
		{s3.GetBucketAclOp, &s3.GetBucketAclOutput{Grants: []s3.Grant{{Grantee: &s3.Grantee{ID: ptr("i"), Type: ptr("CanonicalUser")}, Permission: ptr("READ")}}},
			`<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`},
	} {
		w := encode(t, c.op, c.out)
		if got := w.Body.String(); got != head+c.want || w.Header().Get("Content-Type") != "application/xml" {
			t.Errorf("%s:\ngot  %s\nwant %s", c.op.Name, got, c.want)
		}
	}
}

func TestEncodeObject(t *testing.T) {
	w := encode(t, s3.GetObjectOp, &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("data")), ContentType: ptr("text/x"), ContentLength: ptr(int64(4)), ETag: ptr(`"e"`), Metadata: map[string]string{"a": "b"}})
	h := w.Header()
	if w.Body.String() != "data" || h.Get("Content-Type") != "text/x" || h.Get("ETag") != `"e"` || userMetadata(h, "a") != "b" || h.Get("Content-Length") != "4" || h.Get("x-amz-request-id") != "id" {
		t.Fatal(w.Body, h)
	}
	if w := encode(t, s3.HeadObjectOp, &s3.HeadObjectOutput{ContentRange: ptr("bytes 0-1/4")}); w.Code != 206 {
		t.Fatal(w.Code)
	}
	if w := encode(t, s3.DeleteObjectOp, &s3.DeleteObjectOutput{}); w.Code != 204 || w.Body.Len() != 0 {
		t.Fatal(w.Code, w.Body)
	}
	if w := encode(t, s3.GetBucketPolicyOp, &s3.GetBucketPolicyOutput{Policy: ptr(`{"a":1}`)}); w.Body.String() != `{"a":1}` {
		t.Fatal(w.Body)
	}
}

func TestEncodeErrorS3(t *testing.T) {
	w := httptest.NewRecorder()
	e := cloud.Errorf(cloud.NotFound, "NoSuchKey", "The specified key does not exist.").With("Key", "k<")
	restxml.Protocol{}.EncodeError(w, s3.Service, s3.GetObjectOp, e, "id")
	want := head + `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>k&lt;</Key><RequestId>id</RequestId><HostId>id</HostId></Error>`
	if w.Code != 404 || w.Body.String() != want {
		t.Fatal(w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	restxml.Protocol{}.EncodeError(w, s3.Service, nil, cloud.Errorf(cloud.Invalid, "NotModified", "").WithStatus(304), "id")
	if w.Code != 304 || w.Body.Len() != 0 {
		t.Fatal(w.Code, w.Body)
	}
}

func TestDecodeS3(t *testing.T) {
	body := `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object><Object><Key> b </Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>`
	in := &s3.DeleteObjectsInput{}
	r := httptest.NewRequest("POST", "/bucket?delete", nil)
	if err := (restxml.Protocol{}).Decode(s3.DeleteObjectsOp, r, []byte(body), in); err != nil {
		t.Fatal(err)
	}
	if *in.Bucket != "bucket" || len(in.Delete.Objects) != 2 || *in.Delete.Objects[1].Key != " b " || !*in.Delete.Quiet {
		t.Fatalf("got %+v", in.Delete)
	}
	for _, bad := range []string{"<Delete>", "x", "<!DOCTYPE a><Delete/>", strings.Repeat("<a>", 500), "<a/><b/>"} {
		err := (restxml.Protocol{}).Decode(s3.DeleteObjectsOp, r, []byte(bad), &s3.DeleteObjectsInput{})
		if !cloud.IsCode(err, "MalformedXML") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	put := &s3.PutObjectInput{}
	r = httptest.NewRequest("PUT", "/b/a//c%20d/?x-id=PutObject", strings.NewReader("data"))
	r.Header.Set("x-amz-meta-Color", "red")
	if err := (restxml.Protocol{}).Decode(s3.PutObjectOp, r, nil, put); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(put.Body); *put.Key != "a//c d/" || put.Metadata["color"] != "red" || string(b) != "data" || err != nil {
		t.Fatalf("got %+v %q %v", put, b, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>`, `<a b="c">`, `<AccessControlPolicy><AccessControlList><Grant><Grantee xsi:type="x"/></Grant></AccessControlList></AccessControlPolicy>`, "<a>&#0;</a>", "<?xml?>"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		r := httptest.NewRequest("PUT", "/b?acl", nil)
		_ = restxml.Protocol{}.Decode(s3.PutBucketAclOp, r, []byte(s), &s3.PutBucketAclInput{})
		_ = restxml.Protocol{}.Decode(s3.PutBucketLifecycleConfigurationOp, r, []byte(s), &s3.PutBucketLifecycleConfigurationInput{})
	})
}

// userMetadata reads a header whose name S3 writes in lower case, as http.Header.Get does not.
func userMetadata(h http.Header, name string) string {
	for n, vs := range h {
		if n == "x-amz-meta-"+name {
			return vs[0]
		}
	}
	return ""
}
