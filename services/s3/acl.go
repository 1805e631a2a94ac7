package s3

import (
	"context"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
)

// Access control lists give nothing on this platform but what the owner has anyhow: what would give more is refused.

func errNoACL() error {
	return fault(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

func refuseACL(acl *string, grants []*string) error {
	for _, g := range grants {
		if g != nil {
			return cloud.NotImplementedf("Access control lists with grants (x-amz-grant-...) are not served by this platform; use a bucket policy.")
		}
	}
	switch a := text(acl); a {
	case "", "private", "bucket-owner-full-control":
		return nil
	case "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "log-delivery-write":
		return cloud.NotImplementedf("The canned access control list %s is not served by this platform; use a bucket policy.", a)
	default:
		return errArgument("x-amz-acl", a, "")
	}
}

func checkBucketACL(acl *string, grants ...*string) error { return refuseACL(acl, grants) }

// checkObjectACL applies the bucket's ownership: where the owner owns all objects, a list can only say so.
func checkObjectACL(b *bucket, acl *string, grants ...*string) error {
	if b.Ownership == enforced && acl != nil && *acl != "bucket-owner-full-control" && *acl != "private" {
		return errNoACL()
	}
	return refuseACL(acl, grants)
}

// ownersOnly tells whether a list gives full control to the owner and nothing else.
func ownersOnly(p *api.AccessControlPolicy, account string) error {
	for _, g := range p.Grants {
		if g.Grantee == nil || text(g.Grantee.ID) != canonicalID(account) || text(g.Permission) != "FULL_CONTROL" {
			return cloud.NotImplementedf("Access control lists with grants to others (AccessControlPolicy.Grants) are not served by this platform; use a bucket policy.")
		}
	}
	return nil
}

func ownerGrants(account string) []api.Grant {
	return []api.Grant{{Grantee: &api.Grantee{ID: new(canonicalID(account)), Type: new("CanonicalUser")}, Permission: new("FULL_CONTROL")}}
}

func (r *s3Room) getBucketACL(ctx context.Context, in *api.GetBucketAclInput) (*api.GetBucketAclOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketAclOutput{Owner: ownerOf(b.Owner), Grants: ownerGrants(b.Owner)}, nil
}

func (r *s3Room) putBucketACL(ctx context.Context, in *api.PutBucketAclInput) (*api.PutBucketAclOutput, error) {
	return &api.PutBucketAclOutput{}, r.d.Store.View(ctx, func(rd store.Reader) error {
		b, err := open(rd, in.Bucket, in.ExpectedBucketOwner)
		if err != nil {
			return err
		}
		return putACL(b, in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP)
	})
}

func putACL(b *bucket, acl *string, list *api.AccessControlPolicy, grants ...*string) error {
	if err := checkObjectACL(b, acl, grants...); err != nil {
		return err
	}
	if list != nil {
		return ownersOnly(list, b.Owner)
	}
	if acl == nil {
		return fault(400, "MissingSecurityHeader", "Your request was missing a required header").With("MissingHeaderName", "x-amz-acl")
	}
	return nil
}

func (r *s3Room) getObjectACL(ctx context.Context, in *api.GetObjectAclInput) (*api.GetObjectAclOutput, error) {
	b, _, _, err := r.resolve(ctx, asked{bucket: in.Bucket, owner: in.ExpectedBucketOwner, key: in.Key, version: in.VersionId, method: "GET"})
	if err != nil {
		return nil, err
	}
	return &api.GetObjectAclOutput{Owner: ownerOf(b.Owner), Grants: ownerGrants(b.Owner)}, nil
}

func (r *s3Room) putObjectACL(ctx context.Context, in *api.PutObjectAclInput) (*api.PutObjectAclOutput, error) {
	b, _, _, err := r.resolve(ctx, asked{bucket: in.Bucket, owner: in.ExpectedBucketOwner, key: in.Key, version: in.VersionId, method: "PUT"})
	if err != nil {
		return nil, err
	}
	return &api.PutObjectAclOutput{}, putACL(b, in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP)
}
