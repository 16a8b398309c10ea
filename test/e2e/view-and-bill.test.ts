import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clip, decodingErrors, publish, videoPackets } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

const SECONDS = 20;

/** A relay with 5 s epochs, and ffmpeg pushing 2.7 Mbit/s to it. */
(ffmpeg === undefined ? describe.skip : describe)('a broadcast that is viewed for 20 s, at a period of 5 s', () => {
  const scratch = new Scratch();
  let relay: RelayProcess;
  let broadcaster: ChildProcess;
  let token: string;

  beforeAll(async () => {
    const file = clip();
    relay = await RelayProcess.start(scratch, { keys: { periodMs: 5_000 } });
    const { publishUrl } = await relay.addProgram('news');
    token = await relay.viewerToken('news', 'alice');
    broadcaster = publish(file, publishUrl);
    await until(async () => (await programs(relay.httpUrl))[0]?.live, 'the program is live');
  }, 60_000);

  afterAll(async () => {
    broadcaster.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  test('is written as an FLV file that decodes without an error, with every frame between its first and its last', async () => {
    const out = scratch.file('view.flv');
    const viewed = await tollcast(
      'view',
      relay.httpUrl,
      '--program',
      'news',
      '--token',
      token,
      '--seconds',
      String(SECONDS),
      '--out',
      out,
    );
    expect(viewed).toMatchObject({ code: 0 });
    expect(decodingErrors(out)).toBe('');
    const [got, sent] = [videoPackets(out), videoPackets(clip())];
    expect(got.length).toBeGreaterThan((SECONDS - 1) * 25);
    const from = sent.indexOf(got[0] ?? '');
    expect(got).toEqual(sent.slice(from, from + got.length));
  }, 60_000);

  test('changed its epoch at least three times meanwhile', async () => {
    const { stdout } = await tollcast('viewings', '--data', relay.data, '--json');
    const viewings = JSON.parse(stdout) as { viewer: string; receipts: number }[];
    expect(viewings.find(({ viewer }) => viewer === 'alice')?.receipts).toBeGreaterThanOrEqual(4);
  });

  test('is one line of the bill: 20 s, at a sixtieth of the price per minute each', async () => {
    const charges = await relay.charges();
    expect(charges).toHaveLength(1);
    const [charge] = charges;
    expect(charge).toMatchObject({ viewer: 'alice', program: 'news', endedBy: 'stopped' });
    expect(charge?.billableSeconds).toBeGreaterThanOrEqual(SECONDS - 1);
    expect(charge?.billableSeconds).toBeLessThanOrEqual(SECONDS + 1);
    expect(charge?.amount).toBe(((charge?.billableSeconds ?? 0) * 0.01).toFixed(2));
    const { stdout } = await tollcast('bills', 'export', '--format', 'csv', '--data', relay.data);
    const [header, line, ...rest] = stdout.trim().split(/\r?\n/);
    expect(header).toBe(
      'viewer,program,broadcast,viewings,started_at,ended_at,ended_by,billable_seconds,currency,price_per_minute,amount',
    );
    expect(line).toMatch(
      new RegExp(`^alice,news,[^,]+,1,[^,]+,[^,]+,stopped,${charge?.billableSeconds},EUR,0.60,${charge?.amount}$`),
    );
    expect(rest).toEqual([]);
    expect(await tollcast('ledger', 'verify', '--data', relay.data)).toMatchObject({ code: 0 });
  });

  test('crosses the media socket without a run of its plaintext, and opens with its own epoch’s key only', async () => {
    const viewer = new RawViewer(relay.httpUrl);
    await viewer.watch('news', await relay.viewerToken('news', 'bob'));
    await until(
      () => viewer.chunks.length > 100 && new Set(viewer.chunks.map(({ epoch }) => epoch)).size >= 2,
      'two epochs were seen',
    );
    viewer.say({ type: 'stop' });
    await until(() => viewer.last('ended'), 'the viewing ended');
    const wire = Buffer.concat(viewer.wire);
    for (const chunk of viewer.chunks) {
      const plaintext = viewer.open(chunk);
      const other = [...viewer.keys].find(([epoch]) => epoch !== chunk.epoch)?.[1];
      expect(() => viewer.open(chunk, other)).toThrow();
      for (let at = 0; at + 16 <= plaintext.length; at += 512) expect(wire.includes(plaintext.subarray(at, at + 16))).toBe(false);
    }
  }, 30_000);
});

async function programs(httpUrl: string): Promise<{ name: string; live: boolean }[]> {
  const response = await fetch(`${httpUrl}/v1/programs`);
  const { programs } = (await response.json()) as { programs: { name: string; live: boolean }[] };
  return programs;
}
