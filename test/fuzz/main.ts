import { fuzzCommand } from './command.ts';
import { TARGETS } from './targets.ts';

/** `npm run fuzz` */
await fuzzCommand(TARGETS);
