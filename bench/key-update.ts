import { KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import { generateDeviceKeys } from '../src/keys/device.ts';
import { encryptContentKey, encryptSessionKey } from '../src/keys/node/key-update.ts';
import * as authority from '../src/keys/node/possession.ts';
import { verifyReceipt } from '../src/keys/node/receipt.ts';
import { proofKey } from '../src/keys/possession.ts';
import { signReceipt } from '../src/keys/receipt.ts';
import { openLedger } from '../src/ledger/sqlite-ledger.ts';
import { type Benchmark, cpuMicros } from './table.ts';

/** Receipts that arrive together, as those of a second of 1,000 viewings on 10 s epochs do. */
const GROUP = 100;

/** What one viewing costs the server: agreeing once, then wrapping, verifying and committing for each epoch. The goal is 250 µs for the latter three. */
export const keyUpdate: Benchmark = async ({ smoke }) => {
  const forMs = smoke ? 20 : 2_000;
  const device = await generateDeviceKeys();
  const contentKey = new Uint8Array(randomBytes(32));
  const sessionKey = new Uint8Array(randomBytes(32));
  const viewing = crypto.randomUUID();
  const jws = await signReceipt({ viewing, epoch: 1, chunks: 0 }, await proofKey(contentKey), device.sign.privateKey);

  const [agreeKey, signKey] = [device.agree.publicKey, device.sign.publicKey].map((key) => KeyObject.from(key)) as [
    KeyObject,
    KeyObject,
  ];
  const possession = authority.proofKey(contentKey);
  const agree = await cpuMicros(forMs, () => encryptSessionKey(sessionKey, viewing, agreeKey));
  const wrap = await cpuMicros(forMs, () => encryptContentKey(contentKey, { viewing, epoch: 1 }, sessionKey));
  const verify = await cpuMicros(forMs, () => verifyReceipt(jws, viewing, signKey, () => possession));

  const folder = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
  const ledger = await openLedger({ file: join(folder, 'ledger.db'), clock: systemClock(), log: pino({ level: 'silent' }) });
  const entry = { kind: 'receipt', viewing, epoch: 1, chunks: 0, receipt: jws } as const;
  const commitGroup = await cpuMicros(forMs, () => Promise.all(Array.from({ length: GROUP }, () => ledger.append(entry))));
  await ledger.close();
  rmSync(folder, { recursive: true });
  const commit = commitGroup / GROUP;
  const rows = [
    ['agree, once a viewing', agree],
    ['wrap', wrap],
    ['verify', verify],
    [`commit, in groups of ${GROUP}`, commit],
    ['an update in all', wrap + verify + commit],
  ];
  return { columns: ['step', 'CPU µs'], rows };
};
