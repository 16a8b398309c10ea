import { expect, test } from '@jest/globals';
import { PROGRAM, TARIFF } from './deployment.ts';
import { ffmpeg } from './programs.ts';
import { RawViewer } from './raw-viewer.ts';
import { until } from './relay-process.ts';
import { staged } from './stage.ts';

(ffmpeg === undefined ? test.skip : test)(
  'metrics count keys, receipts, refusals, resumptions and what is left unanswered',
  staged('relay', { keys: { periodMs: 1_000 } }, async (stage) => {
    const { deployment } = stage;
    const metrics = async () => (await fetch(`${deployment.httpUrl}/metrics`)).text();
    const figure = async (name: string): Promise<number> => {
      const line = (await metrics()).split('\n').find((each) => each.startsWith(`${name} `));
      return line === undefined ? Number.NaN : Number(line.slice(name.length));
    };
    const [alice, bob] = [await stage.watch('alice'), await stage.watch('bob')];
    await until(async () => (await figure('tollcast_receipt_seconds_count')) >= 4, 'receipts are timed');
    expect(await figure('tollcast_key_updates_total')).toBeGreaterThanOrEqual(4);
    expect(await figure('tollcast_tickets_issued_total')).toBe(2);
    expect(await figure('tollcast_catch_ups_total{answer="given"}')).toBe(2);
    expect(await figure('tollcast_control_sockets')).toBe(2);
    expect(await figure('tollcast_ingest_broadcasts')).toBe(1);
    expect(await figure('tollcast_viewings_limit')).toBe(20_000);
    // An alert on the first refusal needs what was there before it.
    expect(await figure('tollcast_viewers_refused_total{code="token-invalid"}')).toBe(0);
    expect(await figure('tollcast_encryptors_refused_total{code="credential-invalid"}')).toBe(0);
    expect(await figure('tollcast_ingest_refused_total{code="too-many-connections"}')).toBe(0);
    expect(await figure('tollcast_http_refused_total{reason="connections"}')).toBe(0);
    expect(await figure('tollcast_receipt_seconds_bucket{le="10"}')).toBe(await figure('tollcast_receipt_seconds_count'));

    alice.control.terminate();
    await until(() => alice.closeCode !== undefined, 'alice is away');
    await alice.resume();
    await until(async () => (await figure('tollcast_viewings_resumed_total')) === 1, 'alice is back');

    bob.answers = () => false;
    await until(() => bob.last('ended'), 'bob is ended, for he does not answer');
    await until(async () => (await figure('tollcast_key_updates_unanswered_total')) >= 1, 'his key is left unanswered');
    expect(await figure('tollcast_key_debtors')).toBe(1);
    expect(await figure('tollcast_viewings_ended_total{reason="unconfirmed"}')).toBe(1);

    const mallory = new RawViewer(deployment.httpUrl);
    await mallory.watch(PROGRAM, 'forged', TARIFF);
    await until(() => mallory.closeCode !== undefined, 'mallory is refused');
    expect(await figure('tollcast_viewers_refused_total{code="token-invalid"}')).toBe(1);

    const carol = new RawViewer(deployment.httpUrl);
    await carol.connect();
    for (let message = 0; message < 60; message++) carol.say({ type: 'stop' });
    await until(() => carol.closeCode !== undefined, 'carol is cut off');
    expect(
      (await figure('tollcast_viewers_refused_total{code="bad-state"}')) + (await figure('tollcast_control_over_budget_total')),
    ).toBeGreaterThanOrEqual(1);
    await until(async () => (await figure('tollcast_control_sockets')) === 1, 'only alice is left');
  }),
  60_000,
);
