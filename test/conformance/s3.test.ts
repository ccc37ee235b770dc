import { after, before } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { readEnvironment } from '../../src/config/environment.ts';
import { openStore } from '../../src/store/open-store.ts';
import { peerTest } from '../support/peers.ts';
import { lacksS3, startS3Server, type S3Server } from '../support/s3-server.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { testStore } from './store-conformance.ts';

const lacks = lacksS3();

if (lacks.length > 0) {
  peerTest('store conformance: cache in S3', { lacks }, async () => {});
} else {
  const temp = makeTempDirectory();
  let server: S3Server;
  let folders = 0;

  before(async () => {
    server = await startS3Server();
    const { endpoint, owner: credentials } = server;
    const options = { endpoint, credentials, region: 'us-east-1', forcePathStyle: true };
    const admin = new S3Client(options);
    await admin.send(new CreateBucketCommand({ Bucket: 'conformance' }));
    admin.destroy();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });

  testStore({
    name: 'cache in S3',
    open: () => {
      folders += 1;
      const uri = `s3://conformance/${folders}?endpoint=${server.endpoint}`;
      const env = readEnvironment({
        HOME: temp.path,
        NIX_CONF_DIR: temp.path,
        NIX_USER_CONF_FILES: '',
        AWS_ACCESS_KEY_ID: server.owner.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.owner.secretAccessKey,
      });
      return openStore(uri, { env });
    },
  });
}
