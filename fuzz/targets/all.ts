/** Every parser of foreign bytes, once. */
import type { FuzzTarget } from '../target.ts';
import { activationTargets } from './activation.ts';
import { bundleTargets } from './bundle.ts';
import { compressionTargets } from './compression.ts';
import { cacheTargets } from './cache.ts';
import { derivationTargets } from './derivation.ts';
import { executableTarget } from './executable.ts';
import { exportTarget } from './export.ts';
import { inventoryTargets } from './inventory.ts';
import { narTarget } from './nar.ts';
import { netrcTarget } from './netrc.ts';
import { nixAnswerTarget } from './nix-answer.ts';
import { nixConfTarget } from './nix-conf.ts';
import { registrationTarget } from './registration.ts';
import { s3Target } from './s3.ts';
import { serveTargets } from './serve.ts';
import { shellTargets } from './shell.ts';
import { surveyTarget } from './survey.ts';
import { textTargets } from './texts.ts';
import { workerTargets } from './worker.ts';

export const fuzzTargets: readonly FuzzTarget[] = [
  narTarget,
  executableTarget,
  netrcTarget,
  nixAnswerTarget,
  nixConfTarget,
  exportTarget,
  registrationTarget,
  ...activationTargets,
  ...bundleTargets,
  ...compressionTargets,
  ...inventoryTargets,
  ...derivationTargets,
  s3Target,
  ...cacheTargets,
  ...serveTargets,
  ...shellTargets,
  surveyTarget,
  ...textTargets,
  ...workerTargets,
];
