package s3

import (
	"context"
	"strconv"

	api "sundog/api/s3"
	"sundog/cloud"
)

// The permissions that operations need (Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3").

// onBucket needs one permission on a bucket.
func onBucket[I any](action string, bucket func(*I) *string) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		return []cloud.Access{{Action: "s3:" + action, Resource: bucketARN(text(bucket(in)))}}, nil
	}
}

// onObject needs one permission on an object.
func onObject[I any](action string, object func(*I) (bucket, key *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		b, k := object(in)
		return []cloud.Access{{Action: "s3:" + action, Resource: objectARN(text(b), text(k))}}, nil
	}
}

// onVersion needs a permission on an object, another one when the request names a version.
func onVersion[I any](action, versioned string, object func(*I) (bucket, key, version *string)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		b, k, v := object(in)
		return []cloud.Access{versionAccess(action, versioned, text(b), text(k), v)}, nil
	}
}

func versionAccess(action, versioned, bucket, key string, version *string) cloud.Access {
	a := cloud.Access{Action: "s3:" + action, Resource: objectARN(bucket, key)}
	if version != nil {
		a.Action, a.Keys = "s3:"+versioned, map[string][]string{"s3:versionid": {*version}}
	}
	return a
}

// onList needs a permission on a bucket, with the keys of listings.
func onList[I any](action string, question func(*I) (bucket, prefix, delimiter *string, limit *int32)) func(context.Context, *I) ([]cloud.Access, error) {
	return func(_ context.Context, in *I) ([]cloud.Access, error) {
		b, prefix, delimiter, limit := question(in)
		keys := map[string][]string{}
		if prefix != nil {
			keys["s3:prefix"] = []string{*prefix}
		}
		if delimiter != nil {
			keys["s3:delimiter"] = []string{*delimiter}
		}
		if limit != nil {
			keys["s3:max-keys"] = []string{strconv.Itoa(int(*limit))}
		}
		return []cloud.Access{{Action: "s3:" + action, Resource: bucketARN(text(b)), Keys: keys}}, nil
	}
}

func accessListBuckets(context.Context, *api.ListBucketsInput) ([]cloud.Access, error) {
	return []cloud.Access{{Action: "s3:ListAllMyBuckets"}}, nil
}

// writing are the keys of a request that writes an object.
func writing(acl, class, sealed *string) map[string][]string {
	keys := map[string][]string{}
	for name, v := range map[string]*string{"s3:x-amz-acl": acl, "s3:x-amz-storage-class": class, "s3:x-amz-server-side-encryption": sealed} {
		if v != nil {
			keys[name] = []string{*v}
		}
	}
	return keys
}

// writes is what writing an object needs; setting its tags needs a permission of its own.
func writes(bucket, key, acl, class, sealed, tagging *string) []cloud.Access {
	a := objectARN(text(bucket), text(key))
	out := []cloud.Access{{Action: "s3:PutObject", Resource: a, Keys: writing(acl, class, sealed)}}
	if text(tagging) != "" {
		keys := map[string][]string{}
		if tags, err := parseTagging(tagging); err == nil {
			for _, t := range tags {
				keys["s3:requestobjecttag/"+text(t.Key)] = []string{text(t.Value)}
				keys["s3:requestobjecttagkeys"] = append(keys["s3:requestobjecttagkeys"], text(t.Key))
			}
		}
		out = append(out, cloud.Access{Action: "s3:PutObjectTagging", Resource: a, Keys: keys})
	}
	if acl != nil {
		out = append(out, cloud.Access{Action: "s3:PutObjectAcl", Resource: a, Keys: writing(acl, nil, nil)})
	}
	return out
}

func accessPut(_ context.Context, in *api.PutObjectInput) ([]cloud.Access, error) {
	return writes(in.Bucket, in.Key, in.ACL, in.StorageClass, in.ServerSideEncryption, in.Tagging), nil
}

func accessCreateUpload(_ context.Context, in *api.CreateMultipartUploadInput) ([]cloud.Access, error) {
	return writes(in.Bucket, in.Key, in.ACL, in.StorageClass, in.ServerSideEncryption, in.Tagging), nil
}

// accessCopy needs to read the source and to write the copy.
func accessCopy(_ context.Context, in *api.CopyObjectInput) ([]cloud.Access, error) {
	s, err := parseSource(in.CopySource)
	if err != nil {
		return nil, err
	}
	out := []cloud.Access{versionAccess("GetObject", "GetObjectVersion", s.bucket, s.key, s.version)}
	return append(out, writes(in.Bucket, in.Key, in.ACL, in.StorageClass, in.ServerSideEncryption, in.Tagging)...), nil
}

func accessPartCopy(_ context.Context, in *api.UploadPartCopyInput) ([]cloud.Access, error) {
	s, err := parseSource(in.CopySource)
	if err != nil {
		return nil, err
	}
	return []cloud.Access{
		versionAccess("GetObject", "GetObjectVersion", s.bucket, s.key, s.version),
		{Action: "s3:PutObject", Resource: objectARN(text(in.Bucket), text(in.Key))},
	}, nil
}

// accessDeletes needs a permission for every key.
func accessDeletes(_ context.Context, in *api.DeleteObjectsInput) ([]cloud.Access, error) {
	var out []cloud.Access
	if in.Delete == nil || len(in.Delete.Objects) > maxDelete {
		return nil, errXML()
	}
	for _, o := range in.Delete.Objects {
		out = append(out, versionAccess("DeleteObject", "DeleteObjectVersion", text(in.Bucket), text(o.Key), o.VersionId))
	}
	return out, nil
}
