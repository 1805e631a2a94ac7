package s3

import (
	"context"
	"sync/atomic"

	api "sundog/api/s3"
	"sundog/cloud"
	"sundog/engine/policy"
	"sundog/engine/store"
	"sundog/engine/upkeep"
	"sundog/services/room"
)

// s3Room is the room.
type s3Room struct {
	d         room.Deps
	policies  room.Policies
	evaluator *policy.Evaluator
	pins      pins
	work      *upkeep.Work
	seq       atomic.Uint64
}

// New makes the room.
func New(d room.Deps) room.Room { return build(d).room() }

func build(d room.Deps) *s3Room {
	r := &s3Room{d: d, work: upkeep.NewWork(d.Clock), evaluator: policy.NewEvaluator(100)}
	d.Timers.Handle(lifecycleKind, r.sweep)
	return r
}

func (r *s3Room) room() room.Room {
	return room.Room{
		Service:        service,
		Operations:     r.operations(),
		Refused:        refused,
		Resources:      r.resources(),
		Describe:       r.describe,
		ResourcePolicy: r.policy,
		Blobs:          r.blobs,
		Start:          r.start,
		Close:          func() error { r.work.Close(); return nil },
	}
}

// policy gives the bucket's policy for the bucket's own ARN and for those of its objects.
func (r *s3Room) policy(ctx context.Context, a cloud.ARN) (*cloud.Policy, error) {
	return r.policies.Lookup(r.readPolicy)(ctx, bucketARN(bucketOf(a)))
}

// tick gives a number that grows with every change: the time in nanoseconds, and more than last.
func (r *s3Room) tick(last uint64) uint64 {
	for {
		seen := r.seq.Load()
		n := max(uint64(r.d.Clock.Now().UnixNano()), seen+1, last+1)
		if r.seq.CompareAndSwap(seen, n) {
			return n
		}
	}
}

// start takes up the removal of parts where the last process left it.
func (r *s3Room) start(ctx context.Context) error {
	for s := range 256 {
		base := store.K(store.Shard(s), service, "gone")
		seen := map[string]bool{}
		err := r.d.Store.View(ctx, func(rd store.Reader) error {
			return each(rd, base, func(key, _ []byte) error {
				bucket, _, err := store.CutStr(key[len(base):])
				seen[bucket] = true
				return err
			})
		})
		if err != nil {
			return err
		}
		for bucket := range seen {
			r.clean(bucket)
		}
	}
	return nil
}

const (
	website   = "website hosting needs an endpoint of its own"
	lock      = "object lock is not kept"
	logs      = "server access logs are not written; the gateway records every request"
	edges     = "transfer acceleration needs AWS's edge network"
	payer     = "nobody pays for requests here"
	crossing  = "the browser's CORS requests to buckets are not answered"
	reporting = "inventories, analytics and metrics reports are not made"
	tiers     = "there is one kind of storage"
	copies    = "a platform has one region"
	querying  = "S3 Select is closed to new customers"
	lambdas   = "access points are not served"
)

// refused are the operations that are not served, with the reason.
var refused = map[string]string{
	"PutBucketWebsite": website, "DeleteBucketWebsite": website,
	"PutObjectLegalHold": lock, "GetObjectLegalHold": lock, "PutObjectRetention": lock, "GetObjectRetention": lock, "PutObjectLockConfiguration": lock,
	"PutBucketLogging": logs, "PutBucketAccelerateConfiguration": edges, "PutBucketRequestPayment": payer,
	"PutBucketCors": crossing, "DeleteBucketCors": crossing,
	"PutBucketInventoryConfiguration": reporting, "GetBucketInventoryConfiguration": reporting, "ListBucketInventoryConfigurations": reporting,
	"DeleteBucketInventoryConfiguration": reporting, "PutBucketAnalyticsConfiguration": reporting, "GetBucketAnalyticsConfiguration": reporting,
	"ListBucketAnalyticsConfigurations": reporting, "DeleteBucketAnalyticsConfiguration": reporting, "PutBucketMetricsConfiguration": reporting,
	"GetBucketMetricsConfiguration": reporting, "ListBucketMetricsConfigurations": reporting, "DeleteBucketMetricsConfiguration": reporting,
	"PutBucketIntelligentTieringConfiguration": tiers, "GetBucketIntelligentTieringConfiguration": tiers, "ListBucketIntelligentTieringConfigurations": tiers,
	"DeleteBucketIntelligentTieringConfiguration": tiers, "RestoreObject": tiers,
	"PutBucketReplication": copies, "DeleteBucketReplication": copies,
	"SelectObjectContent": querying, "WriteGetObjectResponse": lambdas, "GetObjectTorrent": "torrents are gone from S3 too",
	"CreateSession": "directory buckets are not served", "ListDirectoryBuckets": "directory buckets are not served",
}

func (r *s3Room) operations() []cloud.Operation {
	return append(append(r.objectOperations(), r.uploadOperations()...), append(r.bucketOperations(), r.configOperations()...)...)
}

func (r *s3Room) objectOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.PutObjectOp, r.putObject, accessPut),
		cloud.Op(service, api.GetObjectOp, r.getObject, onVersion("GetObject", "GetObjectVersion", func(in *api.GetObjectInput) (*string, *string, *string) { return in.Bucket, in.Key, in.VersionId })),
		cloud.Op(service, api.HeadObjectOp, r.headObject, onVersion("GetObject", "GetObjectVersion", func(in *api.HeadObjectInput) (*string, *string, *string) { return in.Bucket, in.Key, in.VersionId })),
		cloud.Op(service, api.GetObjectAttributesOp, r.getObjectAttributes, onVersion("GetObjectAttributes", "GetObjectVersionAttributes", func(in *api.GetObjectAttributesInput) (*string, *string, *string) {
			return in.Bucket, in.Key, in.VersionId
		})),
		cloud.Op(service, api.DeleteObjectOp, r.deleteObject, onVersion("DeleteObject", "DeleteObjectVersion", func(in *api.DeleteObjectInput) (*string, *string, *string) { return in.Bucket, in.Key, in.VersionId })),
		cloud.Op(service, api.DeleteObjectsOp, r.deleteObjects, accessDeletes),
		cloud.Op(service, api.CopyObjectOp, r.copyObject, accessCopy),
		cloud.Op(service, api.PutObjectTaggingOp, r.putObjectTagging, onVersion("PutObjectTagging", "PutObjectVersionTagging", func(in *api.PutObjectTaggingInput) (*string, *string, *string) {
			return in.Bucket, in.Key, in.VersionId
		})),
		cloud.Op(service, api.GetObjectTaggingOp, r.getObjectTagging, onVersion("GetObjectTagging", "GetObjectVersionTagging", func(in *api.GetObjectTaggingInput) (*string, *string, *string) {
			return in.Bucket, in.Key, in.VersionId
		})),
		cloud.Op(service, api.DeleteObjectTaggingOp, r.deleteObjectTagging, onVersion("DeleteObjectTagging", "DeleteObjectVersionTagging", func(in *api.DeleteObjectTaggingInput) (*string, *string, *string) {
			return in.Bucket, in.Key, in.VersionId
		})),
		cloud.Op(service, api.GetObjectAclOp, r.getObjectACL, onVersion("GetObjectAcl", "GetObjectVersionAcl", func(in *api.GetObjectAclInput) (*string, *string, *string) { return in.Bucket, in.Key, in.VersionId })),
		cloud.Op(service, api.PutObjectAclOp, r.putObjectACL, onVersion("PutObjectAcl", "PutObjectVersionAcl", func(in *api.PutObjectAclInput) (*string, *string, *string) { return in.Bucket, in.Key, in.VersionId })),
	}
}

func (r *s3Room) uploadOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateMultipartUploadOp, r.createMultipartUpload, accessCreateUpload),
		cloud.Op(service, api.UploadPartOp, r.uploadPart, onObject("PutObject", func(in *api.UploadPartInput) (*string, *string) { return in.Bucket, in.Key })),
		cloud.Op(service, api.UploadPartCopyOp, r.uploadPartCopy, accessPartCopy),
		cloud.Op(service, api.CompleteMultipartUploadOp, r.completeMultipartUpload, onObject("PutObject", func(in *api.CompleteMultipartUploadInput) (*string, *string) { return in.Bucket, in.Key })),
		cloud.Op(service, api.AbortMultipartUploadOp, r.abortMultipartUpload, onObject("AbortMultipartUpload", func(in *api.AbortMultipartUploadInput) (*string, *string) { return in.Bucket, in.Key })),
		cloud.Op(service, api.ListPartsOp, r.listParts, onObject("ListMultipartUploadParts", func(in *api.ListPartsInput) (*string, *string) { return in.Bucket, in.Key })),
		cloud.Op(service, api.ListMultipartUploadsOp, r.listMultipartUploads, onBucket("ListBucketMultipartUploads", func(in *api.ListMultipartUploadsInput) *string { return in.Bucket })),
	}
}

func (r *s3Room) bucketOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateBucketOp, r.createBucket, onBucket("CreateBucket", func(in *api.CreateBucketInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketOp, r.deleteBucket, onBucket("DeleteBucket", func(in *api.DeleteBucketInput) *string { return in.Bucket })),
		cloud.Op(service, api.HeadBucketOp, r.headBucket, onBucket("ListBucket", func(in *api.HeadBucketInput) *string { return in.Bucket })),
		cloud.Op(service, api.ListBucketsOp, r.listBuckets, accessListBuckets),
		cloud.Op(service, api.GetBucketLocationOp, r.getBucketLocation, onBucket("GetBucketLocation", func(in *api.GetBucketLocationInput) *string { return in.Bucket })),
		cloud.Op(service, api.ListObjectsOp, r.listObjects, onList("ListBucket", func(in *api.ListObjectsInput) (*string, *string, *string, *int32) {
			return in.Bucket, in.Prefix, in.Delimiter, in.MaxKeys
		})),
		cloud.Op(service, api.ListObjectsV2Op, r.listObjectsV2, onList("ListBucket", func(in *api.ListObjectsV2Input) (*string, *string, *string, *int32) {
			return in.Bucket, in.Prefix, in.Delimiter, in.MaxKeys
		})),
		cloud.Op(service, api.ListObjectVersionsOp, r.listObjectVersions, onList("ListBucketVersions", func(in *api.ListObjectVersionsInput) (*string, *string, *string, *int32) {
			return in.Bucket, in.Prefix, in.Delimiter, in.MaxKeys
		})),
		cloud.Op(service, api.PutBucketTaggingOp, r.putBucketTagging, onBucket("PutBucketTagging", func(in *api.PutBucketTaggingInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketTaggingOp, r.getBucketTagging, onBucket("GetBucketTagging", func(in *api.GetBucketTaggingInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketTaggingOp, r.deleteBucketTagging, onBucket("PutBucketTagging", func(in *api.DeleteBucketTaggingInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketPolicyOp, r.putBucketPolicy, onBucket("PutBucketPolicy", func(in *api.PutBucketPolicyInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketPolicyOp, r.getBucketPolicy, onBucket("GetBucketPolicy", func(in *api.GetBucketPolicyInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketPolicyStatusOp, r.getBucketPolicyStatus, onBucket("GetBucketPolicyStatus", func(in *api.GetBucketPolicyStatusInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketPolicyOp, r.deleteBucketPolicy, onBucket("DeleteBucketPolicy", func(in *api.DeleteBucketPolicyInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketAclOp, r.getBucketACL, onBucket("GetBucketAcl", func(in *api.GetBucketAclInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketAclOp, r.putBucketACL, onBucket("PutBucketAcl", func(in *api.PutBucketAclInput) *string { return in.Bucket })),
	}
}

func (r *s3Room) configOperations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.PutBucketVersioningOp, r.putBucketVersioning, onBucket("PutBucketVersioning", func(in *api.PutBucketVersioningInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketVersioningOp, r.getBucketVersioning, onBucket("GetBucketVersioning", func(in *api.GetBucketVersioningInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketNotificationConfigurationOp, r.putNotification, onBucket("PutBucketNotification", func(in *api.PutBucketNotificationConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketNotificationConfigurationOp, r.getNotification, onBucket("GetBucketNotification", func(in *api.GetBucketNotificationConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketEncryptionOp, r.putBucketEncryption, onBucket("PutEncryptionConfiguration", func(in *api.PutBucketEncryptionInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketEncryptionOp, r.getBucketEncryption, onBucket("GetEncryptionConfiguration", func(in *api.GetBucketEncryptionInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketEncryptionOp, r.deleteBucketEncryption, onBucket("PutEncryptionConfiguration", func(in *api.DeleteBucketEncryptionInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutPublicAccessBlockOp, r.putPublicAccessBlock, onBucket("PutBucketPublicAccessBlock", func(in *api.PutPublicAccessBlockInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetPublicAccessBlockOp, r.getPublicAccessBlock, onBucket("GetBucketPublicAccessBlock", func(in *api.GetPublicAccessBlockInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeletePublicAccessBlockOp, r.deletePublicAccessBlock, onBucket("PutBucketPublicAccessBlock", func(in *api.DeletePublicAccessBlockInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketOwnershipControlsOp, r.putOwnershipControls, onBucket("PutBucketOwnershipControls", func(in *api.PutBucketOwnershipControlsInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketOwnershipControlsOp, r.getOwnershipControls, onBucket("GetBucketOwnershipControls", func(in *api.GetBucketOwnershipControlsInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketOwnershipControlsOp, r.deleteOwnershipControls, onBucket("PutBucketOwnershipControls", func(in *api.DeleteBucketOwnershipControlsInput) *string { return in.Bucket })),
		cloud.Op(service, api.PutBucketLifecycleConfigurationOp, r.putLifecycle, onBucket("PutLifecycleConfiguration", func(in *api.PutBucketLifecycleConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketLifecycleConfigurationOp, r.getLifecycle, onBucket("GetLifecycleConfiguration", func(in *api.GetBucketLifecycleConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.DeleteBucketLifecycleOp, r.deleteLifecycle, onBucket("PutLifecycleConfiguration", func(in *api.DeleteBucketLifecycleInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketWebsiteOp, r.getWebsite, onBucket("GetBucketWebsite", func(in *api.GetBucketWebsiteInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketReplicationOp, r.getReplication, onBucket("GetReplicationConfiguration", func(in *api.GetBucketReplicationInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetObjectLockConfigurationOp, r.getObjectLock, onBucket("GetBucketObjectLockConfiguration", func(in *api.GetObjectLockConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketCorsOp, r.getCors, onBucket("GetBucketCORS", func(in *api.GetBucketCorsInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketLoggingOp, r.getLogging, onBucket("GetBucketLogging", func(in *api.GetBucketLoggingInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketAccelerateConfigurationOp, r.getAccelerate, onBucket("GetAccelerateConfiguration", func(in *api.GetBucketAccelerateConfigurationInput) *string { return in.Bucket })),
		cloud.Op(service, api.GetBucketRequestPaymentOp, r.getRequestPayment, onBucket("GetBucketRequestPayment", func(in *api.GetBucketRequestPaymentInput) *string { return in.Bucket })),
	}
}
