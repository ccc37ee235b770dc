/**
 * Generations of hosts: made live there by an agent that outlives the connection and goes back by itself where it must, and
 * the profiles they belong to. All that is done on a host is POSIX sh, and the Nix or ferry that is there.
 */
export {
  decideActivation,
  findActivation,
  readActivation,
  recoverActivation,
  startActivation,
  type ActivationDecision,
  type RecoverOptions,
  type StartOptions,
} from './activation.ts';
export { followActivation, type FollowOptions, type LogPosition } from './follow.ts';
export { newActivationId, type ActivationRequest } from './request.ts';
export type { AgentOptions } from './run-script.ts';
export { knownActivationPrograms } from './script-agent.ts';
export { addPins, type HostPin } from './pins.ts';
export {
  surveyProfile,
  type HostGeneration,
  type ProfileSurvey,
} from './profile-survey.ts';
export {
  removeGenerations,
  type GenerationsToRemove,
  type RemoveGenerationsOptions,
} from './remove-generations.ts';
