package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
	"sundog/internal/pattern"
)

// bucket is a bucket's row.
type bucket struct {
	Name         string                                 `json:"name"`
	Owner        string                                 `json:"owner"` // account
	Region       string                                 `json:"region"`
	Created      int64                                  `json:"created"` // unix milliseconds
	Versioning   string                                 `json:"versioning,omitempty"`
	Tags         []api.Tag                              `json:"tags,omitempty"`
	Policy       string                                 `json:"policy,omitempty"`
	Ownership    string                                 `json:"ownership,omitempty"`
	Notification *api.NotificationConfiguration         `json:"notification,omitempty"`
	Encryption   *api.ServerSideEncryptionConfiguration `json:"encryption,omitempty"`
	PublicAccess *api.PublicAccessBlockConfiguration    `json:"publicAccess,omitempty"`
	Lifecycle    []api.LifecycleRule                    `json:"lifecycle,omitempty"`
	MinimumSize  string                                 `json:"minimumSize,omitempty"` // of objects that transitions move
}

func (b *bucket) scope() cloud.Scope { return cloud.Scope{Account: b.Owner, Region: b.Region} }

func (b *bucket) enabled() bool { return b.Versioning == "Enabled" }

// versioned tells whether the bucket has, or once had, versions.
func (b *bucket) versioned() bool { return b.Versioning != "" }

// canonicalID is the canonical user id of an account: 64 hex digits, always the same.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte("canonical user of account " + account))
	return hex.EncodeToString(sum[:])
}

func ownerOf(account string) *api.Owner { return &api.Owner{ID: new(canonicalID(account))} }

// readBucket gives a bucket's record; errNoBucket when there is none.
func readBucket(rd store.Reader, name string) (*bucket, error) {
	v, err := rd.Get(bucketKey(name))
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errNoBucket(name)
	}
	b := &bucket{}
	return b, json.Unmarshal(v, b)
}

var accountID = pattern.New(`^[0-9]{12}$`)

// checkOwner applies ExpectedBucketOwner.
func checkOwner(b *bucket, expected *string) error {
	switch {
	case expected == nil:
		return nil
	case !accountID.MatchString(*expected):
		return fault(400, "InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS Account ID... [%s]", *expected)
	case *expected != b.Owner:
		return errDenied()
	}
	return nil
}

// open reads a bucket for a request.
func open(rd store.Reader, name, owner *string) (*bucket, error) {
	b, err := readBucket(rd, text(name))
	if err != nil {
		return nil, err
	}
	return b, checkOwner(b, owner)
}

// bucket reads a bucket in a transaction of its own.
func (r *s3Room) bucket(ctx context.Context, name, owner *string) (b *bucket, err error) {
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		b, err = open(rd, name, owner)
		return err
	})
	return b, err
}

func writeBucket(tx store.Tx, b *bucket) error {
	v, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return tx.Put(bucketKey(b.Name), v)
}

// change edits a bucket's record in one transaction.
func (r *s3Room) change(ctx context.Context, name, owner *string, fn func(store.Tx, *bucket) error) error {
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := open(tx, name, owner)
		if err != nil {
			return err
		}
		if err := fn(tx, b); err != nil {
			return err
		}
		return writeBucket(tx, b)
	})
	r.forget(text(name))
	return err
}

var (
	bucketName = pattern.New(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	badStarts  = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	badEnds    = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// checkName applies the naming rules (User Guide, "General purpose bucket naming rules").
func checkName(name string) error {
	bad := !bucketName.MatchString(name) || strings.Contains(name, "..") ||
		slices.ContainsFunc(badStarts, func(s string) bool { return strings.HasPrefix(name, s) }) ||
		slices.ContainsFunc(badEnds, func(s string) bool { return strings.HasSuffix(name, s) })
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		bad = true
	}
	if bad {
		return fault(400, "InvalidBucketName", "The specified bucket is not valid.").With("BucketName", name)
	}
	return nil
}

const usEast = "us-east-1"

// location gives the region that a CreateBucket asks for, by the endpoint's region (API reference, CreateBucket).
func location(endpoint string, c *api.CreateBucketConfiguration) (string, error) {
	if c == nil || c.LocationConstraint == nil {
		if endpoint != usEast {
			return "", fault(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
		}
		return usEast, nil
	}
	asked := *c.LocationConstraint
	region := asked
	if asked == "EU" {
		region = "eu-west-1"
	}
	if asked == usEast || !regionName.MatchString(region) {
		return "", fault(400, "InvalidLocationConstraint", "The specified location-constraint is not valid").With("LocationConstraint", asked)
	}
	if endpoint != usEast && endpoint != region {
		return "", fault(400, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", asked)
	}
	return region, nil
}

var regionName = pattern.New(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

var allTrue = api.PublicAccessBlockConfiguration{BlockPublicAcls: new(true), BlockPublicPolicy: new(true), IgnorePublicAcls: new(true), RestrictPublicBuckets: new(true)}

// newBucket checks a CreateBucket and makes the record: objects owned by the bucket's owner, public access blocked, as new buckets are.
func (r *s3Room) newBucket(ctx context.Context, in *api.CreateBucketInput) (*bucket, error) {
	if err := checkName(text(in.Bucket)); err != nil {
		return nil, err
	}
	scope := cloud.CallFrom(ctx).Scope
	region, err := location(scope.Region, in.CreateBucketConfiguration)
	if err != nil {
		return nil, err
	}
	if is(in.ObjectLockEnabledForBucket) {
		return nil, cloud.NotImplementedf("Object lock (x-amz-bucket-object-lock-enabled) is not served by this platform.")
	}
	b := &bucket{Name: text(in.Bucket), Owner: scope.Account, Region: region, Created: r.d.Clock.Now().UnixMilli(), Ownership: enforced, PublicAccess: &allTrue}
	if in.ObjectOwnership != nil {
		if !slices.Contains(ownerships, *in.ObjectOwnership) {
			return nil, errArgument("x-amz-object-ownership", *in.ObjectOwnership, "Invalid x-amz-object-ownership header: %s", *in.ObjectOwnership)
		}
		b.Ownership = *in.ObjectOwnership
	}
	if err := checkBucketACL(in.ACL, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP); err != nil {
		return nil, err
	}
	if c := in.CreateBucketConfiguration; c != nil {
		if c.Location != nil || c.Bucket != nil {
			return nil, cloud.NotImplementedf("Directory buckets (CreateBucketConfiguration.Location and .Bucket) are not served by this platform.")
		}
		b.Tags = c.Tags
	}
	return b, checkTags(b.Tags, maxBucketTags, true)
}

func (r *s3Room) createBucket(ctx context.Context, in *api.CreateBucketInput) (*api.CreateBucketOutput, error) {
	b, err := r.newBucket(ctx, in)
	if err != nil {
		return nil, err
	}
	err = r.d.Store.Update(ctx, func(tx store.Tx) error {
		v, err := tx.Get(bucketKey(b.Name))
		if err != nil {
			return err
		}
		if v != nil {
			return taken(v, b)
		}
		if err := tx.Put(listKey(b.Owner).Str(b.Name), nil); err != nil {
			return err
		}
		return writeBucket(tx, b)
	})
	if err != nil {
		return nil, err
	}
	r.forget(b.Name)
	out := &api.CreateBucketOutput{Location: new("/" + b.Name), BucketArn: new(bucketARN(b.Name).String())}
	if b.Region != usEast {
		out.Location = new("http://" + b.Name + ".s3.amazonaws.com/")
	}
	return out, nil
}

// taken answers a CreateBucket of a name that exists: in us-east-1 the owner's own request succeeds again.
func taken(row []byte, asked *bucket) error {
	var old bucket
	if err := json.Unmarshal(row, &old); err != nil {
		return err
	}
	if old.Owner != asked.Owner {
		return fault(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").With("BucketName", old.Name)
	}
	if old.Region == usEast && asked.Region == usEast {
		return nil
	}
	return fault(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.").With("BucketName", old.Name)
}

func (r *s3Room) deleteBucket(ctx context.Context, in *api.DeleteBucketInput) (*api.DeleteBucketOutput, error) {
	name := text(in.Bucket)
	err := r.d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := open(tx, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		for _, t := range []string{"object", "version"} {
			full, err := exists(tx, table(name, t))
			if err != nil {
				return err
			}
			if full {
				return fault(409, "BucketNotEmpty", "The bucket you tried to delete is not empty").With("BucketName", name)
			}
		}
		if err := abandon(tx, name); err != nil {
			return err
		}
		if err := r.d.Timers.Cancel(tx, shardOf(name), lifecycleKind, name); err != nil {
			return err
		}
		if err := tx.Delete(listKey(b.Owner).Str(name)); err != nil {
			return err
		}
		return first(tx.Delete(table(name, "claim")), tx.Delete(bucketKey(name)))
	})
	if err != nil {
		return nil, err
	}
	r.forget(name)
	r.clean(name)
	return &api.DeleteBucketOutput{}, nil
}

// exists tells whether any row has the prefix.
func exists(rd store.Reader, prefix store.Key) (bool, error) {
	o := store.Prefix(prefix)
	o.KeysOnly = true
	it := rd.Scan(o)
	defer func() { _ = it.Close() }()
	found := it.Next()
	return found, it.Err()
}

func (r *s3Room) headBucket(ctx context.Context, in *api.HeadBucketInput) (*api.HeadBucketOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &api.HeadBucketOutput{BucketArn: new(bucketARN(b.Name).String()), BucketRegion: &b.Region, AccessPointAlias: new(false)}, nil
}

func (r *s3Room) getBucketLocation(ctx context.Context, in *api.GetBucketLocationInput) (*api.GetBucketLocationOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Region == usEast {
		return &api.GetBucketLocationOutput{}, nil
	}
	return &api.GetBucketLocationOutput{LocationConstraint: &b.Region}, nil
}

func (r *s3Room) listBuckets(ctx context.Context, in *api.ListBucketsInput) (*api.ListBucketsOutput, error) {
	account := cloud.CallFrom(ctx).Scope.Account
	limit := 10_000
	if in.MaxBuckets != nil {
		if limit = int(*in.MaxBuckets); limit < 1 || limit > 10_000 {
			return nil, errArgument("max-buckets", "", "Argument max-buckets must be an integer between 1 and 10000")
		}
	}
	after, err := readToken(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListBucketsOutput{Buckets: []api.Bucket{}, Owner: ownerOf(account), Prefix: in.Prefix}
	paged := in.MaxBuckets != nil || in.Prefix != nil || in.BucketRegion != nil || in.ContinuationToken != nil
	err = r.d.Store.View(ctx, func(rd store.Reader) error {
		out.Buckets, out.ContinuationToken = out.Buckets[:0], nil
		base := listKey(account)
		it := rd.Scan(store.Prefix(textPrefix(base.Clone(), text(in.Prefix))))
		defer func() { _ = it.Close() }()
		if after != "" {
			it.Seek(append(base.Clone().Str(after), 0))
		}
		for it.Next() {
			name, _, err := store.CutStr(it.Key()[len(base):])
			if err != nil {
				return err
			}
			b, err := readBucket(rd, name)
			if err != nil {
				return err
			}
			if in.BucketRegion != nil && b.Region != *in.BucketRegion {
				continue
			}
			if len(out.Buckets) == limit {
				out.ContinuationToken = newToken(text(out.Buckets[limit-1].Name))
				break
			}
			entry := api.Bucket{Name: &b.Name, CreationDate: new(time.UnixMilli(b.Created).UTC()), BucketArn: new(bucketARN(b.Name).String())}
			if paged {
				entry.BucketRegion = &b.Region
			}
			out.Buckets = append(out.Buckets, entry)
		}
		return it.Err()
	})
	return out, err
}
