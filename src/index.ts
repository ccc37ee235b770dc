/** The library's main door: open stores, look at closures, copy them. */
export { FerryError, isFerryError, type ErrorCode, type ErrorDetails } from './error.ts';
export { readEnvironment, type Environment } from './config/environment.ts';
export { loadSettings, type Settings } from './config/settings.ts';
export { openStore, type OpenStoreOptions } from './store/open-store.ts';
export { MemoryStore, type MemoryStoreOptions } from './store/memory.ts';
export type {
  AddOptions,
  CallOptions,
  ClosureOptions,
  ContentsResult,
  FreeSpace,
  NarStream,
  PathToAdd,
  Refusal,
  Store,
  StoreFeature,
  SubstituterTraits,
  ValidPathsOptions,
} from './store/store.ts';
export {
  defaultStoreDir,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from './format/store-path.ts';
export type { PublicKey, SecretKey, TrustedKeys } from './format/signature.ts';
export type { PathInfo } from './format/path-info.ts';
export {
  defineFleet,
  type DefaultsConfig,
  type DurationText,
  type FleetConfig,
  type FleetDefinition,
  type HealthConfig,
  type HostConfig,
  type HostSettings,
  type PinConfig,
  type SshConfigConfig,
  type TerraformConfig,
  type TerraformRule,
} from './deploy/inventory/define-fleet.ts';
export { computeClosure, type ClosureQuery } from './copy/closure.ts';
export { copyClosure, copyClosureToMany, type CopyToManyOptions } from './copy/copy.ts';
export type { CopyEvent, CopySummary, OnCopyEvent } from './copy/events.ts';
export {
  fanOut,
  FanOut,
  type FanOutOptions,
  type FanOutOutcomes,
  type FanOutTarget,
} from './copy/fan-out.ts';
export { planCopy, type CopyPlan, type PlanOptions } from './copy/plan.ts';
export { transfer, type TransferOptions } from './copy/transfer.ts';
export {
  realise,
  realiseWhatCanBe,
  type Realisation,
  type RealiseOptions,
} from './copy/realise.ts';
export { substituting, type SubstitutingOptions } from './copy/substituting.ts';
export {
  joinSubstituters,
  type SubstitutersOptions,
  type SubstituterStore,
} from './store/wrap/substituters.ts';
export type { SubstituterSource } from './store/wrap/substituter.ts';
export {
  verifyPaths,
  type PathVerification,
  type TrustResult,
  type VerifyOptions,
  type VerifySummary,
} from './copy/verify.ts';
export { copySignatures, signPaths, type CopySignaturesOptions } from './copy/sign.ts';
