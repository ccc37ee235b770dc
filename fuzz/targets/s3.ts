/** Where a cache in S3 lies, as URIs and the environment say it: what is accepted stays within its bucket and its server. */
import assert from 'node:assert/strict';
import { parseStoreUri } from '../../src/config/store-uri.ts';
import { locateS3 } from '../../src/store/cache/s3-location.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const seeds = [
  's3://my-cache',
  's3://my.cache/a/folder?region=eu-west-1&profile=pushes',
  's3://cache?endpoint=minio:9000&scheme=http&addressing-style=path',
  's3://cache?endpoint=https://s3.example.org/below&storage-class=STANDARD_IA',
  's3://cache?multipart-upload=true&buffer-size=5242880&multipart-threshold=0',
];
const words = ['%2e', '%2f', '..', '//', '?', '&', '=', ':', '@', '[::1]', 'endpoint=', '%00'];

export const s3Target: FuzzTarget = {
  name: 's3-location',
  seeds: seeds.map((text) => Buffer.from(text)),
  dictionary: words.map((text) => Buffer.from(text)),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value: uri } = outcomeOf(() => parseStoreUri(text), ['usage']);
    if (uri?.kind !== 's3') return;
    const { value: location } = outcomeOf(() => locateS3(uri, {}), ['usage']);
    if (location === undefined) return;
    assert.match(location.bucket, /^[A-Za-z0-9][A-Za-z0-9._-]+$/);
    assert.match(location.prefix, /^$|^[^/].*\/$/s);
    assert.ok(!location.prefix.split('/').some((part) => part === '..' || part === '.'));
    if (location.endpoint !== undefined) {
      const { username, password, search } = new URL(location.endpoint);
      assert.equal(`${username}${password}${search}`, '');
    }
  },
};
