import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Answers a request that there is no more of than its socket, and closes that. @param secure see security-headers.ts */
export function answerRaw(
  socket: Duplex,
  status: number,
  body: { readonly code: string; readonly message: string },
  secure: Readonly<Record<string, string>> = SECURITY_HEADERS,
): void {
  const text = JSON.stringify(body);
  // Whoever does not close in answer would keep it open for ever.
  socket.once('finish', () => socket.destroy());
  const headers = {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...secure,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
}
