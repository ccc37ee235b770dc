/** Statuses of HTTP in words. The server's own words are not repeated: HTTP/2 has none, and others say anything. */
import { STATUS_CODES } from 'node:http';

/** `404 Not Found`. */
export function statusName(status: number): string {
  const words = STATUS_CODES[status];
  return words === undefined ? String(status) : `${status} ${words}`;
}
