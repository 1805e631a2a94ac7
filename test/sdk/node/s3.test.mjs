import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { S3, GetObjectCommand, PutObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { endpoint, name, refused, settings } from './common.mjs';

const s3 = new S3({ ...settings, forcePathStyle: true });

async function bucket(t) {
  const Bucket = name();
  await s3.createBucket({ Bucket });
  t.after(async () => {
    const { Contents } = await s3.listObjectsV2({ Bucket });
    if (Contents) {
      await s3.deleteObjects({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } });
    }
    await s3.deleteBucket({ Bucket });
  });
  return Bucket;
}

test('the life of an object, with the default checksum', async (t) => {
  const Bucket = await bucket(t);
  const Key = 'a folder/grüße +&?.txt';
  const put = await s3.putObject({ Bucket, Key, Body: 'hello', ContentType: 'text/x', Metadata: { who: 'me' } });
  assert.equal(put.ETag, `"${createHash('md5').update('hello').digest('hex')}"`);
  assert.ok(put.ChecksumCRC32);
  const got = await s3.getObject({ Bucket, Key });
  assert.equal(await got.Body.transformToString(), 'hello');
  assert.deepEqual([got.ContentType, got.Metadata.who], ['text/x', 'me']);
  const part = await s3.getObject({ Bucket, Key, Range: 'bytes=-2' });
  assert.equal(await part.Body.transformToString(), 'lo');
  assert.equal((await s3.headObject({ Bucket, Key })).ContentLength, 5);
  await s3.copyObject({ Bucket, Key: 'copy', CopySource: encodeURI(`${Bucket}/${Key}`).replace('?', '%3F').replace('+', '%2B') });
  assert.equal(await (await s3.getObject({ Bucket, Key: 'copy' })).Body.transformToString(), 'hello');
  await s3.deleteObject({ Bucket, Key });
  await refused(s3.getObject({ Bucket, Key }), 'NoSuchKey', 404);
  await refused(s3.headObject({ Bucket, Key }), 'NotFound', 404);
});

test('a stream of unknown length is signed in chunks with a trailer', async (t) => {
  const Bucket = await bucket(t);
  const chunks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(70000, i));
  const whole = Buffer.concat(chunks);
  await s3.putObject({ Bucket, Key: 'stream', Body: Readable.from(chunks), ContentLength: whole.length });
  const got = await (await s3.getObject({ Bucket, Key: 'stream' })).Body.transformToByteArray();
  assert.equal(Buffer.compare(Buffer.from(got), whole), 0);
});

test('a managed upload in parts', async (t) => {
  const Bucket = await bucket(t);
  const chunks = Array.from({ length: 12 }, (_, i) => Buffer.alloc(1 << 20, i));
  const out = await new Upload({ client: s3, params: { Bucket, Key: 'big', Body: Readable.from(chunks) }, partSize: 5 << 20 }).done();
  assert.match(out.ETag, /-3"$/);
  const got = await (await s3.getObject({ Bucket, Key: 'big' })).Body.transformToByteArray();
  assert.equal(Buffer.compare(Buffer.from(got), Buffer.concat(chunks)), 0);
});

test('lists page by page', async (t) => {
  const Bucket = await bucket(t);
  const keys = ['a/1', 'a/2', 'b/1', 'b/2', 'c'];
  await Promise.all(keys.map((Key) => s3.putObject({ Bucket, Key, Body: Key })));
  const seen = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket })) {
    seen.push(page.Contents.map((o) => o.Key));
  }
  assert.deepEqual(seen, [['a/1', 'a/2'], ['b/1', 'b/2'], ['c']]);
  const top = await s3.listObjectsV2({ Bucket, Delimiter: '/' });
  assert.deepEqual(top.CommonPrefixes.map((p) => p.Prefix), ['a/', 'b/']);
});

test('presigned URLs, path style and virtual style', async (t) => {
  const Bucket = await bucket(t);
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'p' }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: 'PUT', body: 'by url' })).status, 200);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'p' }), { expiresIn: 60 });
  assert.equal(await (await fetch(get)).text(), 'by url');
  const other = await fetch(get.replace('/p?', '/q?'));
  assert.equal(other.status, 403);
  assert.match(await other.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
  const { port, hostname } = new URL(endpoint);
  const virtual = new S3({ ...settings, endpoint: `http://localhost:${port}` });
  const url = new URL(await getSignedUrl(virtual, new GetObjectCommand({ Bucket, Key: 'p' })));
  assert.equal(url.host, `${Bucket}.localhost:${port}`);
  const body = await new Promise((done, fail) => {
    http.get({ hostname, port, path: url.pathname + url.search, headers: { host: url.host } }, async (res) => {
      done((await res.toArray()).join(''));
    }).on('error', fail);
  });
  assert.equal(body, 'by url');
});

test('conditions and errors by name', async (t) => {
  const Bucket = await bucket(t);
  await s3.putObject({ Bucket, Key: 'k', Body: '1' });
  await refused(s3.putObject({ Bucket, Key: 'k', Body: '2', IfNoneMatch: '*' }), 'PreconditionFailed', 412);
  await refused(s3.deleteBucket({ Bucket }), 'BucketNotEmpty', 409);
  await refused(s3.listObjectsV2({ Bucket: name() }), 'NoSuchBucket', 404);
  await refused(s3.abortMultipartUpload({ Bucket, Key: 'k', UploadId: 'nonsense' }), 'NoSuchUpload', 404);
});
