import { expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { clip, publish } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

(ffmpeg === undefined ? test.skip : test)(
  'a relay that is killed in mid-broadcast has every durable receipt, bills to its last sign of life, and once',
  async () => {
    using scratch = new Scratch();
    const config = { keys: { periodMs: 2_000 } };
    const relay = await RelayProcess.start(scratch, config);
    const { publishUrl } = await relay.addProgram('news');
    const broadcaster = publish(clip(), publishUrl);
    const viewer = new RawViewer(relay.httpUrl);
    const token = await relay.viewerToken('news', 'alice');
    await until(async () => {
      if (viewer.last('viewing') === undefined && viewer.closeCode !== undefined) viewer.messages.length = 0;
      if (viewer.messages.length === 0) await viewer.watch('news', token);
      return viewer.last('viewing');
    }, 'watching');
    await until(
      () => viewer.keys.size >= 4 && viewer.last('confirmed')?.epoch === Math.max(...viewer.keys.keys()),
      'four keys are confirmed',
    );
    const confirmed = viewer.messages.flatMap((message) => (message.type === 'confirmed' ? [message.epoch] : []));
    const killedAtMs = Date.now();
    await relay.kill();
    broadcaster.kill('SIGKILL');

    const ledger = () => new Database(`${relay.data}/ledger.db`);
    const receipts = () => {
      const db = ledger();
      const rows = db.prepare<[], { body: string }>("SELECT body FROM entries WHERE kind = 'receipt' ORDER BY seq").all();
      db.close();
      return rows.map(({ body }) => (JSON.parse(body) as { epoch: number }).epoch);
    };
    expect(receipts()).toEqual(expect.arrayContaining(confirmed));

    const again = await RelayProcess.start(scratch, config);
    const charges = await again.charges();
    expect(charges).toHaveLength(1);
    expect(charges[0]).toMatchObject({ viewer: 'alice', endedBy: 'interrupted' });
    const endedAtMs = Date.parse(charges[0]?.viewings[0]?.endedAt ?? '');
    expect(endedAtMs).toBeLessThanOrEqual(killedAtMs + 1_000);
    expect(charges[0]?.billableSeconds).toBeGreaterThanOrEqual(2);
    await again.kill();

    const third = await RelayProcess.start(scratch, config);
    expect(await third.charges()).toEqual(charges);
    expect(receipts()).toEqual(expect.arrayContaining(confirmed));
    expect(await tollcast('ledger', 'verify', '--data', relay.data)).toMatchObject({ code: 0 });
    expect(await third.stop()).toBe(0);

    const db = ledger();
    for (const { name } of db.prepare<[], { name: string }>("SELECT name FROM sqlite_master WHERE type = 'trigger'").all())
      db.exec(`DROP TRIGGER ${name}`);
    db.exec(
      "UPDATE entries SET body = replace(body, '\"epoch\":', '\"epocH\":') WHERE seq = (SELECT min(seq) FROM entries WHERE kind = 'receipt')",
    );
    const { seq } = db.prepare<[], { seq: number }>("SELECT min(seq) AS seq FROM entries WHERE kind = 'receipt'").get() ?? {
      seq: 0,
    };
    db.close();
    const verified = await tollcast('ledger', 'verify', '--data', relay.data);
    expect(verified.code).toBe(1);
    expect(`${verified.stdout}${verified.stderr}`).toMatch(new RegExp(`\\b${seq}\\b`));
  },
  60_000,
);
