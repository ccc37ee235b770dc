/** The release, as the commands print it. */
export { version } from '../version.ts';
