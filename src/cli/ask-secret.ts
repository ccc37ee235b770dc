/** Asks the person in front of the terminal for a password. */
import type { AskSecret } from '../host/host-scene.ts';
import type { CommandContext } from './context.ts';

export function openAskSecret(_context: CommandContext): AskSecret {
  return async () => undefined;
}
