import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PACE } from '../../src/control/admission-pace.ts';
import { generateDeviceKeys } from '../../src/keys/device.ts';
import { signWatch } from '../../src/keys/watch.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import { tariff } from '../ledger/support-entries.ts';
import { ViewerHost } from './viewer-host.ts';

let host: ViewerHost;

beforeEach(async () => {
  host = await ViewerHost.start({ rules: PACE });
});

afterEach(() => host.stop());

async function watching(): Promise<RawViewer> {
  const viewer = await host.asks('alice');
  await until(() => viewer.last('confirmed'), 'watches');
  return viewer;
}

const flood = (viewer: RawViewer, count: number) => {
  for (let sent = 0; sent < count; sent++) viewer.say({ type: 'receipt', jws: 'no.receipt.atall' });
};

describe("a viewer's socket that floods", () => {
  test('is told why it is closed, and has time to close it too', async () => {
    const viewer = await watching();
    flood(viewer, 30);
    expect(await until(() => viewer.closeCode, 'closed')).toBe(4429);
    expect(viewer.last('error')).toMatchObject({ code: 'try-later', fatal: true });
    expect(host.totals.overBudget).toBe(1);
    await until(() => host.totals.open === 0, 'gone');
  });

  test('is cut off where it goes on without closing', async () => {
    const viewer = await watching();
    // Hears nothing any more, so that it does not answer the close.
    viewer.control.pause();
    flood(viewer, 21);
    await until(() => host.totals.overBudget === 1, 'told');
    expect(host.totals.open).toBe(1);
    flood(viewer, 30);
    await until(() => host.totals.open === 0, 'cut off', 5_000);
  });
});

describe('what comes in one packet with a watch', () => {
  const inOnePacket = async (...after: object[]): Promise<RawViewer> => {
    const viewer = host.stranger();
    const [token, device] = [await host.token('alice'), await generateDeviceKeys()];
    const challenge = await viewer.connect();
    const jws = await signWatch({ program: 'news', tariff, token, challenge }, device);
    const { _socket: socket } = viewer.control as unknown as { _socket: Socket };
    socket.cork();
    for (const message of [{ type: 'watch', token, jws }, ...after]) viewer.say(message);
    socket.uncork();
    return viewer;
  };

  test('is a stop: nothing begins', async () => {
    const viewer = await inOnePacket({ type: 'stop' });
    expect(await until(() => viewer.closeCode, 'closed')).toBe(1000);
    expect(host.entries.filter(({ kind }) => kind === 'consent')).toEqual([]);
  });

  test('is something else: it is not kept until the turn has come', async () => {
    const viewer = await inOnePacket({ type: 'resume', viewing: 'another', jws: 'x'.repeat(8_000) });
    expect(await until(() => viewer.closeCode, 'closed')).toBe(4400);
    expect(viewer.last('error')).toMatchObject({ code: 'bad-state' });
    expect(host.entries.filter(({ kind }) => kind === 'consent')).toEqual([]);
  });
});
