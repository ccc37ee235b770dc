/** Which paths the outputs of derivations have, asked of newer and older servers. */
import type { StorePath } from '../../format/store-path.ts';
import { map } from '../../wire/combinators.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import { queryDerivationOutputMap, queryDerivationOutputs } from '../../wire/worker/queries.ts';
import type { WorkerConnection } from './worker-connection.ts';

/** Of outputs that contents name, and that nobody has built, there is no path. */
const knownOutputs: WorkerOperation<StorePath, readonly StorePath[]> = {
  ...queryDerivationOutputMap,
  response: map(
    queryDerivationOutputMap.response,
    (outputs): readonly StorePath[] =>
      outputs.flatMap(({ path }) => (path === undefined ? [] : [path])),
    (paths) => paths.map((path) => ({ name: path, path })),
  ),
};

/** The operation that tells them, valid or not. Of a derivation that is not valid it is refused. */
export function outputsQuery(
  connection: WorkerConnection,
): WorkerOperation<StorePath, readonly StorePath[]> {
  return connection.supports(knownOutputs) ? knownOutputs : queryDerivationOutputs;
}
