import { expect, test } from '@jest/globals';
import { AuthorityHarness } from './authority-harness.ts';

const PERIOD_MS = 2_000;
const LEAD_MS = 1_000;

/** By kind and epoch, of one viewer that confirms the first two epochs, the second so long before it begins. */
async function patienceMs(beforeMs: number): Promise<Record<string, number>> {
  const harness = new AuthorityHarness({ periodMs: PERIOD_MS, leadMs: LEAD_MS, spreadMs: 0, graceMs: 400 });
  await harness.live();
  const viewer = await harness.watch({ viewer: 'ada', id: 't1' });
  await viewer.confirm(1);
  await harness.pass(PERIOD_MS - beforeMs);
  await viewer.confirm(2);
  return Object.fromEntries(
    [...harness.patienceMs].map(([entry, ms]) => [`${entry.kind}${'epoch' in entry ? ` ${entry.epoch}` : ''}`, ms]),
  );
}

test('nothing waits for company that something else waits for', async () => {
  // Without its start a viewing is not billed, should the process be killed.
  const prompt = { 'epoch-reserved 1': 0, 'epoch-begun 1': 0, 'viewing-started': 0, 'epoch-reserved 2': 0 };
  const patient = { consent: 50, 'key-sent 1': 50, 'key-sent 2': 50 };
  expect(await patienceMs(950)).toMatchObject({ ...prompt, ...patient, 'receipt 1': 0, 'receipt 2': 50 });
});

test('a receipt waits for none when its gate is to open soon', async () => {
  expect(await patienceMs(600)).toMatchObject({ 'receipt 2': 50 });
  expect(await patienceMs(450)).toMatchObject({ 'receipt 2': 0 });
});
