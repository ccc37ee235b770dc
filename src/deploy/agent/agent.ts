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
} from './activation.ts';
export { followActivation } from './follow.ts';
export { newActivationId, type ActivationRequest } from './request.ts';
export { addPins } from './pins.ts';
export {
  surveyProfile,
  type HostGeneration,
  type ProfileSurvey,
} from './profile-survey.ts';
export {
  removeGenerations,
  type GenerationsToRemove,
} from './remove-generations.ts';
