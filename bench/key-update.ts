import { createHash, generateKeyPairSync, KeyObject, randomBytes, sign, verify as verifySignature } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { generateDeviceKeys } from '../src/keys/device.ts';
import { encryptContentKey, encryptSessionKey } from '../src/keys/node/key-update.ts';
import * as authority from '../src/keys/node/possession.ts';
import { verifyReceipt } from '../src/keys/node/receipt.ts';
import { proofKey } from '../src/keys/possession.ts';
import { signReceipt } from '../src/keys/receipt.ts';
import { groupedCommitCost, pacedCommitCost } from './commit-cost.ts';
import { registryCost } from './registry-cost.ts';
import { type Benchmark, cpuMicros } from './table.ts';

/** Updates that are recorded together. */
const GROUP = 100;
/** What 10,000 viewings on 10 s epochs come to on average. */
const PER_SECOND = 1_000;

/**
 * What one viewing costs the server in parts: agreeing once, then wrapping, verifying, committing, and whatever the authority's registry
 * of viewings does, for each epoch; beside floors that do the least that each could. The goal for an update is 250 µs, with what sending
 * it takes: `rotation` has that.
 */
export const keyUpdate: Benchmark = async ({ smoke, note }) => {
  const forMs = smoke ? 20 : 2_000;
  const device = await generateDeviceKeys();
  const contentKey = new Uint8Array(randomBytes(32));
  const sessionKey = new Uint8Array(randomBytes(32));
  const viewing = crypto.randomUUID();
  const jws = await signReceipt({ viewing, epoch: 1, chunks: 0 }, await proofKey(contentKey), device.sign.privateKey);

  const [agreeKey, signKey] = [KeyObject.from(device.agree.publicKey), KeyObject.from(device.sign.publicKey)];
  const possession = authority.proofKey(contentKey);
  const agree = await cpuMicros(forMs, () => encryptSessionKey(sessionKey, viewing, agreeKey));
  const wrap = await cpuMicros(forMs, () => encryptContentKey(contentKey, { viewing, epoch: 1 }, sessionKey));
  const verify = await cpuMicros(forMs, () => verifyReceipt(jws, viewing, signKey, () => possession));
  const commit = await groupedCommitCost(forMs, jws, GROUP);
  const paced = await pacedCommitCost(forMs, jws, PER_SECOND);
  const viewings = smoke ? 100 : 100_000;
  note(`${viewings} viewings without sockets`);
  const registry = await registryCost({ viewings, periodMs: smoke ? 1_000 : 10_000, periods: smoke ? 1 : 2 });
  const rows = [
    ['agree, once a viewing', agree, ''],
    ['wrap', wrap, ''],
    ['verify', verify, await verifyFloor(forMs)],
    [`commit, in groups of ${GROUP}`, commit, await commitFloor(forMs, jws)],
    [`commit, of ${PER_SECOND} a second`, paced, ''],
    [`registry and schedule, ${viewings} viewings`, registry, ''],
    ['an update in all, but for its socket', wrap + verify + paced + registry, ''],
  ];
  return { columns: ['step', 'CPU µs', 'floor, CPU µs'], rows };
};

/** One signature of that kind, checked in this thread. */
async function verifyFloor(forMs: number): Promise<number> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const statement = randomBytes(250);
  const signature = sign('sha256', statement, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  return await cpuMicros(forMs, () => verifySignature('sha256', statement, key, signature));
}

/** The same receipt as one row of one table, synced as often, with the hash that chains it. */
async function commitFloor(forMs: number, jws: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
  const db = new Database(join(folder, 'floor.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE receipt (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO receipt (body, hash) VALUES (?, ?)');
  const insertGroup = db.transaction(() => {
    for (let index = 0; index < GROUP; index++) insert.run(jws, createHash('sha256').update(jws).digest());
  });
  const group = await cpuMicros(forMs, () => insertGroup());
  db.close();
  rmSync(folder, { recursive: true });
  return group / GROUP;
}
