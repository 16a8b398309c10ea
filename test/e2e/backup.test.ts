import { expect, test } from '@jest/globals';
import { SKIPPED_EPOCHS } from '../../src/ledger/restore.ts';
import { clip, publish } from './clip.ts';
import { PROGRAM, TARIFF } from './deployment.ts';
import { ffmpeg, natsServer } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { Operated, ServerProcess, signedToken, tollcast, until } from './relay-process.ts';
import { staged } from './stage.ts';

const KEYS = { periodMs: 1_000 };

(ffmpeg === undefined ? test.skip : test)(
  'a ledger that is backed up during a broadcast is restored elsewhere, with its bills, and a relay goes on with it',
  staged('relay', { keys: KEYS }, async (stage) => {
    const { deployment, scratch } = stage;
    const [alice, bob] = [await stage.watch('alice'), await stage.watch('bob')];
    const confirmedByBob = () => bob.messages.filter(({ type }) => type === 'confirmed').length;
    await until(() => confirmedByBob() >= 2, 'epochs were confirmed');
    alice.say({ type: 'stop' });
    await until(() => alice.last('ended'), 'alice has stopped');
    const before = await until(async () => {
      const charges = await deployment.charges();
      return charges.find(({ viewer, endedBy }) => viewer === 'alice' && endedBy === 'stopped');
    }, 'that is ledgered');

    const file = scratch.file('backup.db');
    const backedUp = await tollcast('ledger', 'backup', file, '--data', deployment.data);
    expect(backedUp).toMatchObject({ code: 0, stderr: expect.stringContaining('token.secret') });
    const head = /head (\d+:[0-9a-f]{64})\n$/.exec(backedUp.stdout)?.[1] ?? '';
    const soFar = confirmedByBob();
    await until(() => confirmedByBob() >= soFar + 2, 'bob watches on');
    const live = await deployment.charges();
    expect(await tollcast('ledger', 'backup', file, '--data', deployment.data)).toMatchObject({ code: 1 });
    expect(await tollcast('ledger', 'restore', file, '--force', '--data', deployment.data)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stop it first'),
    });

    const data = scratch.file('elsewhere');
    expect(await tollcast('ledger', 'restore', file, '--data', data)).toMatchObject({ code: 0 });
    expect(await tollcast('ledger', 'verify', '--head', head, '--data', data)).toMatchObject({ code: 0 });
    const ports = { http: { port: 0 }, rtmp: { port: 0 }, keys: KEYS };
    const server = await ServerProcess.start(scratch, 'serve', ports, ['viewers', 'broadcasters'], data);
    stage.leave(() => server.kill());
    const restored = new Operated(data, server.url('viewers'), server.url('broadcasters'));
    const charges = await restored.charges();
    expect(charges.map(({ viewer, endedBy }) => [viewer, endedBy])).toEqual([
      ['alice', 'stopped'],
      ['bob', 'interrupted'],
    ]);
    expect(charges[0]).toEqual(before);
    expect(charges[1]?.billableSeconds).toBeLessThanOrEqual(live.find(({ viewer }) => viewer === 'bob')?.billableSeconds ?? 0);

    // The stream key is the backup's; tokens are signed by the secret that the folder was given at the start.
    stage.child(publish(clip(), deployment.publishUrl.replace(deployment.rtmpUrl, restored.rtmpUrl)));
    await until(() => restored.isLive(), 'the program is live there');
    const carol = new RawViewer(restored.httpUrl);
    stage.leave(() => carol.close());
    await carol.watch(PROGRAM, await signedToken(data, PROGRAM, 'carol'), TARIFF);
    await until(() => carol.chunks.length > 10, 'chunks came');
    expect(Math.min(...carol.chunks.map(({ epoch }) => epoch))).toBeGreaterThan(SKIPPED_EPOCHS);
    expect(await server.stop()).toBe(0);
    expect((await restored.charges()).map(({ viewer }) => viewer)).toEqual(['alice', 'bob', 'carol']);
    expect(await tollcast('ledger', 'verify', '--head', head, '--data', data)).toMatchObject({ code: 0 });
  }),
  60_000,
);

(ffmpeg === undefined || natsServer === undefined ? test.skip : test)(
  'an encryptor and an edge that ran on go on with an authority whose ledger was put back to an older one',
  staged('split', { keys: KEYS }, async (stage) => {
    const { deployment, scratch } = stage;
    const newest = ({ chunks }: RawViewer) => Math.max(...chunks.map(({ epoch }) => epoch));
    const alice = await stage.watch('alice');
    const file = scratch.file('backup.db');
    expect(await tollcast('ledger', 'backup', file, '--data', deployment.data)).toMatchObject({ code: 0 });
    const backedUpAt = newest(alice);
    await until(() => newest(alice) >= backedUpAt + 4, 'epochs went by after the backup');

    const authority = deployment.process('authority');
    await authority.kill();
    expect(await tollcast('ledger', 'restore', file, '--force', '--data', deployment.data)).toMatchObject({ code: 0 });
    await deployment.startPart('authority');
    await stage.isLive();
    const bob = await stage.watch('bob');
    expect(newest(bob)).toBeGreaterThan(SKIPPED_EPOCHS);
    expect(deployment.process('encryptor').isRunning).toBe(true);
    await until(() => bob.messages.filter(({ type }) => type === 'confirmed').length >= 3, 'bob watches on');
    expect(await tollcast('ledger', 'verify', '--data', deployment.data)).toMatchObject({ code: 0 });
  }),
  60_000,
);
