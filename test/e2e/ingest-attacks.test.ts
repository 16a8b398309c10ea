import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clip, decodingErrors, publish, videoPackets } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { finished, RelayProcess, Scratch, startTollcast, until } from './relay-process.ts';
import { RtmpAttacker } from './rtmp-attacker.ts';

const AUDIO = 8;
const VIDEO = 9;
/** An H.264 keyframe tag with a picture that nobody sent. */
const INJECTED = Buffer.concat([Buffer.of(0x17, 1, 0, 0, 0), Buffer.from('INJECTED-PICTURE')]);

(ffmpeg === undefined ? describe.skip : describe)('while a viewer watches', () => {
  const scratch = new Scratch();
  let relay: RelayProcess;
  let publishUrl: string;
  let broadcaster: ChildProcess;

  beforeAll(async () => {
    relay = await RelayProcess.start(scratch, { keys: { periodMs: 4_000 } });
    ({ publishUrl } = await relay.addProgram('news'));
    broadcaster = publish(clip(), publishUrl);
    await until(
      async () => (await (await fetch(`${relay.httpUrl}/v1/programs`)).text()).includes('"live":true'),
      'the program is live',
    );
  }, 60_000);

  afterAll(async () => {
    broadcaster.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  /** A short clip by another publisher; says how that ended. */
  const publishAgain = async (url: string) => {
    const child = publish(clip(), url);
    const [code] = await once(child, 'close');
    return code;
  };

  const tcUrl = () => relay.rtmpUrl;

  const attacks: Record<string, () => Promise<void>> = {
    'a connect without a tcUrl': async () => {
      const attacker = await RtmpAttacker.start(relay.rtmpUrl);
      attacker.command(0, 'connect', 1, { app: 'live' });
      attacker.command(0, 'connect', 1);
      attacker.message(20, 0, Buffer.from('0200ff63', 'hex'));
      await until(() => attacker.closed, 'the attacker is closed');
    },
    'media before a publish': async () => {
      const attacker = await RtmpAttacker.start(relay.rtmpUrl);
      attacker.command(0, 'connect', 1, { app: 'live', tcUrl: tcUrl() });
      attacker.command(0, 'createStream', 2, null);
      for (const type of [AUDIO, VIDEO]) attacker.message(type, 1, INJECTED);
      await until(() => attacker.closed, 'the attacker is closed');
    },
    'media after a refused publish': async () => {
      const attacker = await RtmpAttacker.start(relay.rtmpUrl);
      attacker.command(0, 'connect', 1, { app: 'live', tcUrl: tcUrl() });
      attacker.command(0, 'createStream', 2, null);
      attacker.command(1, 'publish', 3, null, 'news?key=wrong', 'live');
      for (let sent = 0; sent < 80; sent++) attacker.message(VIDEO, 1, INJECTED);
      await until(() => attacker.closed, 'the attacker is closed');
      expect(attacker.received.toString('latin1')).toMatch('error');
      expect(attacker.received.toString('latin1')).toMatch('NetStream.Publish');
    },
    'a play': async () => {
      const attacker = await RtmpAttacker.start(relay.rtmpUrl);
      attacker.command(0, 'connect', 1, { app: 'live', tcUrl: tcUrl() });
      attacker.command(0, 'createStream', 2, null);
      attacker.command(1, 'play', 4, null, 'news');
      await until(() => attacker.closed, 'the attacker is closed');
      expect(attacker.received.toString('latin1')).toMatch('NetStream.Play');
      // Status messages only: nothing of the broadcast, of which every frame is larger.
      expect(attacker.received.length).toBeLessThan(1 + 2 * 1_536 + 2_000);
      const player = spawn(ffmpeg ?? '', ['-v', 'error', '-i', `${relay.rtmpUrl}/news`, '-f', 'null', '-'], { stdio: 'ignore' });
      const [code] = await once(player, 'exit');
      expect(code).not.toBe(0);
    },
    'a second publisher, with the right key and with a wrong one': async () => {
      expect(await publishAgain(publishUrl)).not.toBe(0);
      expect(await publishAgain(publishUrl.replace(/key=.*/, 'key=wrong'))).not.toBe(0);
      expect(await publishAgain(publishUrl.replace('/news?', '/other?'))).not.toBe(0);
    },
  };

  test(`${Object.keys(attacks).join('; ')}: change nothing that it receives, and end nothing but their own sockets`, async () => {
    const out = scratch.file('view.flv');
    const token = await relay.viewerToken('news', 'alice');
    const viewing = finished(
      startTollcast('view', relay.httpUrl, '--program', 'news', '--token', token, '--seconds', '9', '--out', out),
    );
    await until(async () => (await relay.charges()).length > 0, 'the viewing began');
    for (const attack of Object.values(attacks)) await attack();
    expect(await viewing).toMatchObject({ code: 0 });
    expect(decodingErrors(out)).toBe('');
    const [got, sent] = [videoPackets(out), videoPackets(clip())];
    const from = sent.indexOf(got[0] ?? '');
    expect(got.length).toBeGreaterThan(8 * 25);
    expect(got).toEqual(sent.slice(from, from + got.length));
    expect(relay.isRunning).toBe(true);
    expect(broadcaster.exitCode).toBeNull();
    expect(relay.log).toMatch('stream-key-wrong');
    expect(relay.log).toMatch('already-publishing');
  }, 60_000);
});
