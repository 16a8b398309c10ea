import { createHash, randomBytes } from 'node:crypto';

/** A media ticket: single use, short-lived, for one viewing. Only its hash leaves whoever made it. */
export const newTicket = (): string => randomBytes(32).toString('base64url');

/** Whether `newTicket` may have made it: 256 bits are 43 characters of base64url. */
export const isTicket = (text: string): boolean => /^[\w-]{43}$/.test(text);

/** SHA-256, base64url. */
export const hashTicket = (ticket: string): string => createHash('sha256').update(ticket).digest('base64url');
