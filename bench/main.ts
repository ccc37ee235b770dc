/**
 * Runs the benchmark, Nix beside ferry:
 *
 *     node bench/main.ts [ROW…] [--runs N] [--only nix|ferry]
 *
 * Absolute figures drift with the machine, so what counts is the ratio. It ends with 0 however slow anything was.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setCommandStage, type CommandRow, type CommandStage } from './command-row.ts';
import { ensureSet } from './corpus.ts';
import { type DeployRow, type DeployStage, setDeployStage } from './deploy-row.ts';
import { setManyStage, type ManyRow, type ManyStage } from './many-row.ts';
import { measureInTurn, type Contender } from './measure.ts';
import type { Row } from './row.ts';
import { cacheRows } from './rows/cache.ts';
import { deployRows } from './rows/deploy.ts';
import { exportRows } from './rows/export.ts';
import { latencyRows } from './rows/latency.ts';
import { localRows } from './rows/local.ts';
import { derivationRows } from './rows/derivations.ts';
import { lookingRows } from './rows/looking.ts';
import { manyRows } from './rows/many.ts';
import { memoryRows } from './rows/memory.ts';
import { sshRows } from './rows/ssh.ts';
import { verifyRows } from './rows/verify.ts';
import { ferryProgram, setStage, type ToolName, toolNames } from './stage.ts';
import { formatBeside, formatHeader, formatRow, type Results } from './table.ts';

const rows: readonly (Row | CommandRow | DeployRow | ManyRow)[] = [
  ...localRows,
  ...sshRows,
  ...manyRows,
  ...cacheRows,
  ...latencyRows,
  ...memoryRows,
  ...verifyRows,
  ...lookingRows,
  ...derivationRows,
  ...exportRows,
  ...deployRows,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string' } },
});
const unknown = positionals.filter((name) => !rows.some((row) => row.name === name));
const rounds = Number(values.runs);
const asked = toolNames.filter((tool) => values.only === undefined || values.only === tool);
if (unknown.length > 0 || !(rounds >= 1) || asked.length === 0) {
  console.error('usage: node bench/main.ts [ROW…] [--runs N] [--only nix|ferry]');
  console.error(`rows: ${rows.map((row) => row.name).join(' ')}`);
  process.exit(2);
}
const tools = asked.filter((tool) => tool !== 'ferry' || existsSync(ferryProgram));
if (tools.length < asked.length) console.error('no bin/ferry here yet: Nix alone');

console.log(formatHeader());
const known = new Map<string, Results>();
for (const row of rows) {
  if (positionals.length > 0 && !positionals.includes(row.name)) continue;
  const results = await runRow(row, tools);
  console.log(formatRow(row, results));
  known.set(row.name, results);
  if ('beside' in row && row.beside !== undefined)
    console.log(formatBeside(row.beside, results, known.get(row.beside.row)));
  for (const [tool, result] of results) {
    if ('failure' in result) console.error(`${row.name}: ${tool} failed: ${result.failure}`);
  }
}

async function runRow(
  row: Row | CommandRow | DeployRow | ManyRow,
  compared: readonly ToolName[],
): Promise<Results> {
  await using stage = await setStageOf(row);
  const contenders = new Map<ToolName, Contender>();
  for (const tool of compared) {
    const contender = stage.contender(tool);
    if (contender !== undefined) contenders.set(tool, contender);
  }
  return await measureInTurn(contenders, Math.min(rounds, row.roundsMax ?? rounds));
}

async function setStageOf(
  row: Row | CommandRow | DeployRow | ManyRow,
): Promise<DeployStage | CommandStage | ManyStage> {
  if ('hostCount' in row) return await setDeployStage(row);
  const set = await ensureSet(row.set, (line) => console.error(line));
  if ('farEnds' in row) return await setManyStage(row, set);
  return 'command' in row ? await setCommandStage(row, set) : await setStage(row, set);
}
