/** Asks for a secret on its terminal, as a command does, and says what it got. `visible` as its word shows it. */
import { openAskSecret } from '../../src/cli/ask-secret.ts';

const stop = new AbortController();
process.on('SIGINT', () => {
  stop.abort(new Error('interrupted'));
});
const ask = openAskSecret({ signal: stop.signal });
try {
  const answer = await ask('Question? ', { isVisible: process.argv[2] === 'visible' });
  const shown = answer === undefined ? 'nobody' : Buffer.from(answer).toString('hex');
  process.stdout.write(`answer: ${shown}\n`);
} catch (error) {
  process.stdout.write(`failed: ${String(error)}\n`);
}
