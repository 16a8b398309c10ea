import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PACE } from '../../src/control/admission-pace.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
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
