import { config } from 'zod';

/**
 * To be imported before anything that makes a schema: zod finds out, as it makes the first one, whether it may compile code from
 * strings, and the page's Content-Security-Policy forbids even the attempt.
 */
config({ jitless: true });
