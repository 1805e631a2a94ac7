package lambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/compute"
)

// maxZipped bounds a package that is uploaded in the request, or taken from a bucket.
const (
	maxZipped   = 52428800
	maxRequest  = 70167211 // of a request that uploads one
	maxFromS3   = compute.MaxUnzipped
	codeBlobDir = "code"
)

// source is where a package comes from.
type source struct {
	zip                  []byte
	bucket, key, version *string
	image                *string
}

// pack is a package that was taken in: it exists as a blob, and can be unpacked.
type pack struct {
	blob string
	hash string // SHA-256, base64, as CodeSha256
	size int64
}

func (p pack) build() (b build) { b.setCode(p); return b }

// fetch reads a package, checks that it can be unpacked, and keeps it as a blob. Without a place to unpack it is checked there and then.
func (r *lambdaRoom) fetch(ctx context.Context, s source) (pack, error) {
	if s.image != nil {
		return pack{}, cloud.NotImplementedf("Container images (ImageUri, PackageType Image) are not implemented on this platform.")
	}
	data, err := r.read(ctx, s)
	if err != nil {
		return pack{}, err
	}
	if err := r.hasRoom(ctx, cloud.CallFrom(ctx).Scope, int64(len(data))); err != nil {
		return pack{}, err
	}
	sum := sha256.Sum256(data)
	_, release, err := r.code.use(sum, func() (io.ReaderAt, int64, error) { return bytes.NewReader(data), int64(len(data)), nil })
	r.code.want(sum)
	defer release()
	if err != nil {
		for _, known := range []error{compute.ErrNotZip, compute.ErrEmptyZip, compute.ErrUnzippedTooLarge} {
			if errors.Is(err, known) {
				return pack{}, errParameter("%v", known)
			}
		}
		return pack{}, err
	}
	w, err := r.d.Blob.Create(ctx)
	if err != nil {
		return pack{}, err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return pack{}, err
	}
	id, err := w.Commit()
	return pack{blob: id, hash: base64.StdEncoding.EncodeToString(sum[:]), size: int64(len(data))}, err
}

// read gives the bytes of a package, which come with the request or lie in a bucket.
func (r *lambdaRoom) read(ctx context.Context, s source) ([]byte, error) {
	inBucket := s.bucket != nil || s.key != nil || s.version != nil
	switch {
	case s.zip == nil && !inBucket:
		return nil, errParameter("Please provide a source for function code.")
	case s.zip != nil && inBucket:
		return nil, errParameter("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case inBucket:
		return r.fromBucket(ctx, s)
	case len(s.zip) == 0:
		return nil, errParameter("%v", compute.ErrEmptyZip)
	case len(s.zip) > maxZipped:
		return nil, errTooLarge("Zipped size must be smaller than %d bytes", maxZipped)
	}
	return s.zip, nil
}

// fromBucket reads a package from S3 as the caller.
func (r *lambdaRoom) fromBucket(ctx context.Context, s source) ([]byte, error) {
	if s.bucket == nil || s.key == nil {
		return nil, errParameter("Please provide both S3Bucket and S3Key.")
	}
	if err := r.checkBucketRegion(ctx, *s.bucket); err != nil {
		return nil, err
	}
	in := map[string]string{"Bucket": *s.bucket, "Key": *s.key}
	if s.version != nil {
		in["VersionId"] = *s.version
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	reply, err := r.d.Caller.Call(ctx, cloud.CallFrom(ctx).Principal, "s3", "GetObject", b, nil)
	if err != nil {
		e := cloud.AsError(err)
		if e.Kind == cloud.Internal || e.Kind == cloud.NotImplemented {
			return nil, err
		}
		return nil, errGetObject(e.Code, e.Message)
	}
	if reply.Body == nil {
		return nil, fmt.Errorf("lambda: s3:GetObject gave no body")
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(io.LimitReader(reply.Body, maxFromS3+1))
	if err == nil && len(data) > maxFromS3 {
		return nil, errParameter("%v", compute.ErrUnzippedTooLarge)
	}
	return data, err
}

func errGetObject(code, message string) error {
	return errParameter("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", code, message)
}

// checkBucketRegion refuses a bucket of another region than the function's. What else may be wrong with a bucket, reading it will say.
func (r *lambdaRoom) checkBucketRegion(ctx context.Context, name string) error {
	d, err := r.d.Directory.Describe(ctx, cloud.ARN{Partition: "aws", Service: "s3", Resource: name})
	if err != nil {
		return nil
	}
	if at := d.Attributes["Region"]; at != "" && at != cloud.CallFrom(ctx).Scope.Region {
		return errGetObject("PermanentRedirect", "The bucket is in this region: "+at+". Please use this region to retry the request")
	}
	return nil
}

// codeDir gives the folder of a package that was taken in, unpacking it again when it is gone. The folder stays until release.
func (r *lambdaRoom) codeDir(ctx context.Context, blob, hash string) (dir string, release func(), err error) {
	sum, ok := sumOf(hash)
	if !ok {
		return "", func() {}, fmt.Errorf("lambda: package %s has the hash %q", blob, hash)
	}
	return r.code.use(sum, func() (io.ReaderAt, int64, error) {
		b, err := r.d.Blob.Open(ctx, blob, 0, -1)
		if err != nil {
			return nil, 0, err
		}
		defer b.Close()
		data, err := io.ReadAll(b)
		return bytes.NewReader(data), int64(len(data)), err
	})
}

// fit checks that a package and its layers together are within the limit. fresh says that it is the package which comes, not the layers.
func (r *lambdaRoom) fit(ctx context.Context, layers []api.Layer, p pack, fresh bool) error {
	if len(layers) == 0 {
		return nil // the package alone was checked when it was taken in
	}
	dirs, release, err := r.layerDirs(ctx, layers)
	defer release()
	if err != nil {
		return err
	}
	own, done, err := r.codeDir(ctx, p.blob, p.hash)
	defer done()
	if err != nil {
		return err
	}
	var below int64
	for _, dir := range dirs {
		n, err := sizeOf(dir)
		if err != nil {
			return err
		}
		below += n
	}
	code, err := sizeOf(own)
	switch sum := below + code; {
	case err != nil:
		return err
	case below > compute.MaxUnzipped:
		return errParameter("Layers consume more than the available size of %d bytes", compute.MaxUnzipped)
	case sum > compute.MaxUnzipped && fresh:
		return errParameter("Unzipped size must be smaller than %d bytes", compute.MaxUnzipped-below)
	case sum > compute.MaxUnzipped:
		return errParameter("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", compute.MaxUnzipped, sum)
	}
	return nil
}

// sizeOf is the size of the files below a folder.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// sumOf reads a CodeSha256.
func sumOf(hash string) (sum [32]byte, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(hash)
	if err != nil || len(raw) != len(sum) {
		return sum, false
	}
	return [32]byte(raw), true
}
