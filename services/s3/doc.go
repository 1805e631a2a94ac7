// Package s3 is the room of Amazon S3: buckets, objects, versions, multipart uploads, tags, policies, notifications and lifecycle rules, by the
// S3 API reference and user guide. Websites, logging, replication, object lock, CORS and public ACLs are refused by name.
//
// Bodies are blobs; everything else is rows. A change of an object is one transaction: its rows, the rows of what it replaces, and the deliveries
// that the bucket's notifications ask for. A blob that no row names any more is deleted after the commit. What a crash leaves behind is found by
// Blobs, which gives every blob that a row names.
//
// Bucket names are global, so rows are keyed by them. All rows of a bucket lie in the bucket's shard, for listings need their order:
//
//	bucket  name                        the bucket's record (JSON)
//	object  bucket key                  the current version, unless that is a delete marker (JSON)
//	version bucket key ^seq             noncurrent versions and delete markers, newest first (JSON)
//	null    bucket key                  the seq of the version "null", while that is in "version"
//	upload  bucket key seq id           a multipart upload that is under way (JSON)
//	part    bucket upload number        a part of such an upload (JSON)
//	piece   bucket upload offset        a part of an object that an upload made (JSON)
//	gone    bucket upload               an upload whose parts and pieces are to be removed
//	claim   name                        the step of a deployment that makes the bucket
//
// and in the account's control shard list (account, name), for ListBuckets. Ids of versions and uploads hold the seq by which their rows are found:
// it grows with every change of a key.
package s3
