import { main } from '../../src/cli/main.ts';

/** The command line from the sources, as bin/tollcast.js starts what is built of them. */
await main(process.argv);
