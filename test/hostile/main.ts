import { Command } from 'commander';
import { tableLines } from '../../src/cli/table.ts';
import { http, rtmp } from '../../src/config/sections.ts';
import { memoryRow, type Row, SlowClients } from './hostile-run.ts';
import { HostileStage } from './hostile-stage.ts';
import { MEMORY_ATTACKS } from './memory-attacks.ts';
import { SLOW_ATTACKS } from './slow-attacks.ts';

/** `npm run hostile`: what strangers and viewers can take of a relay's memory and time, with the limits that it has by default. */

const program = new Command('npm run hostile --')
  .description('attacks a relay as configured by default, and prints what each attack took and what it was held against')
  .option('--hold <seconds>', 'how long each attack on memory goes on', '60')
  .option('--each <n>', 'slow clients of each kind, all at once', '100')
  .parse();
const { hold, each } = program.opts<{ hold: string; each: string }>();

await using stage = await HostileStage.open({ viewers: { maxViewings: 1_000 } });
const rows: Row[] = [];
const done = (row: Row) => {
  rows.push(row);
  process.stderr.write(`${row.attack}: ${row.figures}${row.faults.map((fault) => `; WRONG: ${fault}`).join('')}\n`);
};
for (const attack of MEMORY_ATTACKS) done(await memoryRow(stage, attack, { settleMs: 10_000, holdMs: 1_000 * Number(hold) }));
const { requestTimeoutMs, responseTimeoutMs, idleTimeoutMs } = http.parse({});
const { handshakeTimeoutMs } = rtmp.parse({});
const patience = { requestTimeoutMs, responseTimeoutMs, idleTimeoutMs, handshakeTimeoutMs };
const slow = await SlowClients.open(stage, SLOW_ATTACKS, patience, Number(each));
for (const row of await slow.rows()) done(row);
const columns = [{ title: 'attack' }, { title: 'figures' }, { title: 'bound' }];
for (const page of tableLines(
  columns,
  rows.map(({ attack, figures, bound }) => [attack, figures, bound]),
))
  process.stdout.write(page);
if (rows.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
