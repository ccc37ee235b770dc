/** Text registrations: every chunking says the same, and what is accepted comes back as it was. */
import assert from 'node:assert/strict';
import {
  formatRegistration,
  RegistrationReader,
  type PathRegistration,
} from '../../src/format/registration.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { cutRandomly } from '../random.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const path = '/nix/store/q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt';
const hash = '0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969';
const seeds = [
  `${path}\n${hash}\n120\n\n0\n`,
  `${path}\n${hash}\n120\n${path}.drv\n1\n${path}\n`,
  `${path}\nsha256:0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa\n+7\n\n2\n${path}\n${path}/\n`,
  `${path}\n\n1\n${path}\n${path}.drv\n\n0\n`,
];

export const registrationTarget: FuzzTarget = {
  name: 'registration',
  seeds: seeds.map((text) => Buffer.from(text)),
  dictionary: [path, hash, '\n', '0\n', '\n0\n', '-1', '/../', '\r'].map((text) =>
    Buffer.from(text),
  ),
  check: (input, random) => {
    for (const hasHashes of [true, false]) {
      const whole = outcomeOf(() => read([input], hasHashes));
      const cut = outcomeOf(() => read(cutRandomly(input, random), hasHashes));
      assert.deepEqual(cut, whole);
      if (hasHashes && whole.value !== undefined) {
        assert.deepEqual(read([Buffer.from(print(whole.value))], true), whole.value);
      }
    }
  },
};

function read(pieces: readonly Uint8Array[], hasHashes: boolean): PathRegistration[] {
  const reader = new RegistrationReader(defaultStoreDir, { hasHashes });
  const records = pieces.flatMap((piece) => reader.push(piece));
  reader.finish();
  return records;
}

function print(records: readonly PathRegistration[]): string {
  return records
    .map(({ path: name, nar, deriver, references }) => {
      assert.ok(nar !== undefined);
      const info = { narHash: nar.hash, narSize: nar.size, deriver, references, signatures: [] };
      return formatRegistration(defaultStoreDir, { path: name, ...info });
    })
    .join('');
}
