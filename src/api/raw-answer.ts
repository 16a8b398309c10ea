import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Why something is refused over HTTP: `code` is stable, `message` is for people. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Answers on a socket that no HTTP server answers on, and closes it. @param secure see security-headers.ts */
export function refuse(
  socket: Duplex,
  { status, code, message }: Refused,
  secure: Readonly<Record<string, string>> = SECURITY_HEADERS,
): void {
  const body = JSON.stringify({ code, message });
  // Whoever does not close in answer would keep it open for ever.
  socket.once('finish', () => socket.destroy());
  const headers = {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...secure,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}
