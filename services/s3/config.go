package s3

import (
	"context"
	"slices"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/store"
)

func (r *s3Room) putBucketVersioning(ctx context.Context, in *api.PutBucketVersioningInput) (*api.PutBucketVersioningOutput, error) {
	return &api.PutBucketVersioningOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		c := in.VersioningConfiguration
		if c == nil || text(c.Status) != "Enabled" && text(c.Status) != "Suspended" {
			return fault(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
		}
		if text(c.MFADelete) == "Enabled" || in.MFA != nil {
			return cloud.NotImplementedf("MFA delete (VersioningConfiguration.MfaDelete) is not served by this platform.")
		}
		b.Versioning = *c.Status
		return nil
	})
}

func (r *s3Room) getBucketVersioning(ctx context.Context, in *api.GetBucketVersioningInput) (*api.GetBucketVersioningOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketVersioningOutput{Status: optional(b.Versioning)}, nil
}

func (r *s3Room) putBucketEncryption(ctx context.Context, in *api.PutBucketEncryptionInput) (*api.PutBucketEncryptionOutput, error) {
	return &api.PutBucketEncryptionOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		c := in.ServerSideEncryptionConfiguration
		if c == nil || len(c.Rules) != 1 || c.Rules[0].ApplyServerSideEncryptionByDefault == nil {
			return errXML()
		}
		d := c.Rules[0].ApplyServerSideEncryptionByDefault
		if !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, text(d.SSEAlgorithm)) {
			return errXML()
		}
		if d.KMSMasterKeyID != nil && *d.SSEAlgorithm == "AES256" {
			return errArgument("ApplyServerSideEncryptionByDefault", *d.SSEAlgorithm, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		if c.Rules[0].BlockedEncryptionTypes != nil {
			return cloud.NotImplementedf("ServerSideEncryptionConfiguration.BlockedEncryptionTypes is not served by this platform.")
		}
		if c.Rules[0].BucketKeyEnabled == nil {
			c.Rules[0].BucketKeyEnabled = new(false)
		}
		b.Encryption = c
		return nil
	})
}

// defaultEncryption is that of buckets which set none.
func defaultEncryption() *api.ServerSideEncryptionConfiguration {
	return &api.ServerSideEncryptionConfiguration{Rules: []api.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &api.ServerSideEncryptionByDefault{SSEAlgorithm: new("AES256")}, BucketKeyEnabled: new(false),
	}}}
}

func (r *s3Room) getBucketEncryption(ctx context.Context, in *api.GetBucketEncryptionInput) (*api.GetBucketEncryptionOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Encryption == nil {
		b.Encryption = defaultEncryption()
	}
	return &api.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: b.Encryption}, nil
}

func (r *s3Room) deleteBucketEncryption(ctx context.Context, in *api.DeleteBucketEncryptionInput) (*api.DeleteBucketEncryptionOutput, error) {
	return &api.DeleteBucketEncryptionOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		b.Encryption = nil
		return nil
	})
}

func (r *s3Room) putPublicAccessBlock(ctx context.Context, in *api.PutPublicAccessBlockInput) (*api.PutPublicAccessBlockOutput, error) {
	return &api.PutPublicAccessBlockOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		c := in.PublicAccessBlockConfiguration
		if c == nil || *c == (api.PublicAccessBlockConfiguration{}) {
			return errXML()
		}
		b.PublicAccess = &api.PublicAccessBlockConfiguration{
			BlockPublicAcls: new(is(c.BlockPublicAcls)), IgnorePublicAcls: new(is(c.IgnorePublicAcls)),
			BlockPublicPolicy: new(is(c.BlockPublicPolicy)), RestrictPublicBuckets: new(is(c.RestrictPublicBuckets)),
		}
		return nil
	})
}

func (r *s3Room) getPublicAccessBlock(ctx context.Context, in *api.GetPublicAccessBlockInput) (*api.GetPublicAccessBlockOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.PublicAccess == nil {
		return nil, fault(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found").With("BucketName", b.Name)
	}
	return &api.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.PublicAccess}, nil
}

func (r *s3Room) deletePublicAccessBlock(ctx context.Context, in *api.DeletePublicAccessBlockInput) (*api.DeletePublicAccessBlockOutput, error) {
	return &api.DeletePublicAccessBlockOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		b.PublicAccess = nil
		return nil
	})
}

const enforced = "BucketOwnerEnforced"

var ownerships = []string{enforced, "BucketOwnerPreferred", "ObjectWriter"}

func (r *s3Room) putOwnershipControls(ctx context.Context, in *api.PutBucketOwnershipControlsInput) (*api.PutBucketOwnershipControlsOutput, error) {
	return &api.PutBucketOwnershipControlsOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		c := in.OwnershipControls
		if c == nil || len(c.Rules) != 1 || !slices.Contains(ownerships, text(c.Rules[0].ObjectOwnership)) {
			return errXML()
		}
		b.Ownership = *c.Rules[0].ObjectOwnership
		return nil
	})
}

func (r *s3Room) getOwnershipControls(ctx context.Context, in *api.GetBucketOwnershipControlsInput) (*api.GetBucketOwnershipControlsOutput, error) {
	b, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Ownership == "" {
		return nil, fault(404, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found").With("BucketName", b.Name)
	}
	return &api.GetBucketOwnershipControlsOutput{OwnershipControls: &api.OwnershipControls{Rules: []api.OwnershipControlsRule{{ObjectOwnership: &b.Ownership}}}}, nil
}

func (r *s3Room) deleteOwnershipControls(ctx context.Context, in *api.DeleteBucketOwnershipControlsInput) (*api.DeleteBucketOwnershipControlsOutput, error) {
	return &api.DeleteBucketOwnershipControlsOutput{}, r.change(ctx, in.Bucket, in.ExpectedBucketOwner, func(_ store.Tx, b *bucket) error {
		b.Ownership = ""
		return nil
	})
}

// What follows answers for what buckets on this platform never have, as S3 answers for buckets without it.

func (r *s3Room) getWebsite(ctx context.Context, in *api.GetBucketWebsiteInput) (*api.GetBucketWebsiteOutput, error) {
	return nil, r.none(ctx, in.Bucket, in.ExpectedBucketOwner, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
}

func (r *s3Room) getReplication(ctx context.Context, in *api.GetBucketReplicationInput) (*api.GetBucketReplicationOutput, error) {
	return nil, r.none(ctx, in.Bucket, in.ExpectedBucketOwner, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
}

func (r *s3Room) getObjectLock(ctx context.Context, in *api.GetObjectLockConfigurationInput) (*api.GetObjectLockConfigurationOutput, error) {
	return nil, r.none(ctx, in.Bucket, in.ExpectedBucketOwner, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
}

func (r *s3Room) getCors(ctx context.Context, in *api.GetBucketCorsInput) (*api.GetBucketCorsOutput, error) {
	return nil, r.none(ctx, in.Bucket, in.ExpectedBucketOwner, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
}

// none is the error for a configuration that a bucket does not have.
func (r *s3Room) none(ctx context.Context, name, owner *string, code, message string) error {
	b, err := r.bucket(ctx, name, owner)
	if err != nil {
		return err
	}
	return fault(404, code, "%s", message).With("BucketName", b.Name)
}

func (r *s3Room) getLogging(ctx context.Context, in *api.GetBucketLoggingInput) (*api.GetBucketLoggingOutput, error) {
	_, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	return &api.GetBucketLoggingOutput{}, err
}

func (r *s3Room) getAccelerate(ctx context.Context, in *api.GetBucketAccelerateConfigurationInput) (*api.GetBucketAccelerateConfigurationOutput, error) {
	_, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	return &api.GetBucketAccelerateConfigurationOutput{}, err
}

func (r *s3Room) getRequestPayment(ctx context.Context, in *api.GetBucketRequestPaymentInput) (*api.GetBucketRequestPaymentOutput, error) {
	_, err := r.bucket(ctx, in.Bucket, in.ExpectedBucketOwner)
	return &api.GetBucketRequestPaymentOutput{Payer: new("BucketOwner")}, err
}
