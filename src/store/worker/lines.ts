/** What a server tells while it works, as lines for people: its log, what it begins to do, what builds print. */
import { plainText } from '../../wire/transport.ts';
import { resultTypes, verbosity, type WorkerMessage } from '../../wire/worker/messages.ts';

/** Lines of no more than this many characters. */
const lineMax = 8 * 1024;

/** None for what isn't for people. Without escape sequences. */
export function linesOf(message: WorkerMessage): string[] {
  switch (message.kind) {
    case 'log':
      return split(message.text);
    case 'start':
      return message.level <= verbosity.info ? split(message.text) : [];
    case 'result': {
      const isLine =
        message.type === resultTypes.buildLogLine || message.type === resultTypes.postBuildLogLine;
      const [line] = message.fields;
      return isLine && typeof line === 'string' ? split(line) : [];
    }
    case 'read':
    case 'write':
    case 'done':
    case 'error':
    case 'stop':
      return [];
  }
}

function split(text: string): string[] {
  return plainText(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.slice(0, lineMax));
}
