/**
 * A server of static files for rows over HTTP, in a process of its own as a real one would be:
 *
 *     node bench/static-server.ts DIRECTORY     prints its port, runs until killed
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream';

const [directory = '.'] = process.argv.slice(2);

const server = createServer((request, response) => {
  const file = join(directory, normalize(decodeURIComponent(request.url ?? '/')));
  const size = sizeOf(file);
  if (size === undefined) {
    response.writeHead(404, { 'content-length': 0 }).end();
    return;
  }
  response.writeHead(200, { 'content-length': size, 'accept-ranges': 'bytes' });
  if (request.method === 'HEAD') response.end();
  else pipeline(createReadStream(file), response, () => {});
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) console.log(address.port);
});

function sizeOf(file: string): number | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat.size : undefined;
}
