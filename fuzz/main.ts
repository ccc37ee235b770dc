/**
 * `npm run fuzz -- [TARGET] [--seconds N] [--seed S]`: without a target all of them share the time. A finding ends it
 * with status 1, and its input is written to a file.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz } from './run.ts';
import { fuzzTargets } from './targets/all.ts';
import { canaryTarget } from './targets/canary.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

const all = [...fuzzTargets, canaryTarget];
const [wanted] = positionals;
const targets = wanted === undefined ? fuzzTargets : all.filter(({ name }) => name === wanted);
const seed = Number(values.seed);
const seconds = Number(values.seconds);

if (targets.length === 0 || !Number.isSafeInteger(seed) || !(seconds > 0)) {
  const names = all.map(({ name }) => name).join(', ');
  process.stderr.write(`usage: fuzz [TARGET] [--seconds N] [--seed S]\ntargets: ${names}\n`);
  process.exit(2);
}

for (const target of targets) {
  const timeMs = (seconds * 1000) / targets.length;
  const { runs, finding } = await fuzz(target, { seed, timeMs });
  process.stdout.write(`${target.name}: ${runs} inputs, seed ${seed}\n`);
  if (finding === undefined) continue;
  const file = join(tmpdir(), `ferry-fuzz-${target.name}-${seed}-${finding.run}`);
  writeFileSync(file, finding.input);
  process.stdout.write(`input ${finding.run}, kept in "${file}":\n`);
  console.log(finding.error);
  process.exitCode = 1;
}
