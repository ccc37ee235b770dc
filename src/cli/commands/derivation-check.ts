/** `ferry derivation check`: whether derivations are what they say. */
import { computeClosure } from '../../copy/closure.ts';
import { checkDerivation, type DerivationProblem } from '../../format/check-derivation.ts';
import { DerivationHashes } from '../../format/derivation-hashes.ts';
import { isDerivation, printStorePath } from '../../format/store-path.ts';
import { FerryError } from '../../error.ts';
import { readDerivationGraph } from '../../store/read-derivation-graph.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { derivationsOfWords } from '../derivations-of.ts';
import { printable } from '../errors.ts';
import { openSession } from '../session.ts';
import { formatCount } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

export const derivationCheck: Command = defineCommand({
  description: [
    'The path of each derivation is computed anew from its text and what it refers to, and the paths of its outputs from what they are built from, fixed outputs by their contents. What differs is printed on stdout, a line for each, and the exit status is then 1.',
    'All derivations that a PATH needs are read, for the paths of its outputs follow from theirs; with --recursive they are checked too.',
    'With --json there is one JSON object per line on stdout for each derivation, the last one of type "done".',
  ],
  arguments: [
    { name: 'PATH', help: 'derivations, or what they built', repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    recursive: { help: 'and all derivations that they need', short: 'r' },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'all that something was built from', command: 'ferry derivation check -r ./result' },
  ],
  async run(context, words, { store: uri, recursive, json }) {
    const { signal, stdout } = context;
    await using session = openSession(context);
    const store = await session.openExisting(uri);
    const { storeDir } = store;
    const { drvs } = await derivationsOfWords(context, store, words, { recursive: false });
    const closure = await computeClosure(store, drvs, { signal });
    const graph = await readDerivationGraph(store, closure.keys(), { signal });
    const hashes = new DerivationHashes(storeDir, (input) => {
      const found = graph.get(input);
      if (found !== undefined) return found.derivation;
      const printed = printStorePath(storeDir, input);
      throw new FerryError('not-found', `input "${printed}" is not in the store`);
    });
    const checked = recursive ? [...closure.keys()].filter(isDerivation).sort() : drvs;
    let problemCount = 0;
    for (const path of checked) {
      const read = graph.get(path);
      if (read === undefined) throw new FerryError('internal', `"${path}" was not read`);
      const { references } = closure.get(path) ?? {};
      const problems = problemsOf(storeDir, { ...read, references }, hashes);
      problemCount += problems.length;
      const printed = printStorePath(storeDir, path);
      const lines = json
        ? [JSON.stringify({ type: 'derivation', version: 1, path: printed, problems })]
        : problems.map((problem) => printable(`${printed}: ${inWords(problem)}`));
      for (const line of lines) await stdout.write(`${line}\n`);
    }
    if (json) {
      const done = { type: 'done', version: 1, checked: checked.length, problems: problemCount };
      await stdout.write(`${JSON.stringify(done)}\n`);
    } else {
      const found = problemCount === 0 ? 'no problem' : formatCount(problemCount, 'problem');
      await say(context, `checked ${formatCount(checked.length, 'derivation')}: ${found}`);
    }
    return problemCount === 0 ? 0 : 1;
  },
});

/** What can't be computed at all is a problem of that derivation, not of the others. */
function problemsOf(
  storeDir: Parameters<typeof checkDerivation>[0],
  derivation: Parameters<typeof checkDerivation>[1],
  hashes: DerivationHashes,
): (DerivationProblem | { readonly what: 'inputs'; readonly why: string })[] {
  try {
    return checkDerivation(storeDir, derivation, hashes);
  } catch (error) {
    if (!(error instanceof FerryError) || error.code === 'internal') throw error;
    return [{ what: 'inputs', why: error.message }];
  }
}

function inWords(problem: ReturnType<typeof problemsOf>[number]): string {
  if (problem.what === 'inputs') return problem.why;
  const { what, name, found, wanted } = problem;
  const quoted = (path: string | undefined, none: string): string =>
    path === undefined ? none : `"${path}"`;
  switch (what) {
    case 'path':
      return `its path should be ${quoted(wanted, 'none')}`;
    case 'text':
      return 'its text is not as Nix writes it';
    case 'output':
      return `output "${name}" is ${quoted(found, 'not said')}, should be ${quoted(wanted, 'known only once it is built')}`;
    case 'variable':
      return `variable "${name}" is ${quoted(found, 'missing')}, should be ${quoted(wanted, 'missing')}`;
    case 'references':
      return wanted === undefined
        ? `it is registered to refer to ${quoted(found, 'nothing')}, and does not`
        : `it refers to ${quoted(wanted, 'nothing')}, which is not registered`;
  }
}
