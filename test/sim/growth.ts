import { collectionsOf } from './collections.ts';
import type { Deployment } from './deployment.ts';
import type { Oracle } from './oracle.ts';

/** What may be remembered when everybody has left, by the field that remembers it. Nothing else may be left in any other. */
const REMEMBERED: Readonly<Record<string, number>> = {
  'Authority.#endings': 16,
  'Authority.#lastEpochs': 2,
  'Authority.#unsubscribe': 8,
  // Of viewers: as many as there are.
  'CatchUps.#paidMs': 10,
  'KeyDebt.#debts': 10,
  'Credit.#idle': 10,
  'EdgeDirectory.#edges': 2,
  // Of the last broadcast of each program, which an encryptor elsewhere had.
  'EpochTimes.#began': 64,
  'Outbox.#channel.programs': 2,
  'Programs.#programs': 2,
  'RemoteEncryptors.#beginnings': 2,
  'RemoteEncryptors.#handOvers': 2,
  'RemoteEncryptors.#holders': 2,
  'RemoteKeys.#keys': 8,
  // What an authority that is being closed does not hear any more.
  'RemoteKeySource.#broadcasts': 16,
  'ReportQueue.#outstanding': 64,
  'StreamKeys.#accepted': 2,
  'StreamKeys.#programs': 2,
  'StreamKeys.#timelineZeroMs': 2,
  // By kind, of which there are so many.
  'Tally.#totals': 32,
};

/** What each says of itself that it keeps at most. */
const BOUNDS: Readonly<Record<string, number>> = {
  ...REMEMBERED,
  'EdgeLink.#counted': 32,
  'EdgeLink.#open': 3,
  'KeyOffers.#offers': 4,
  'KeyRing.#keys': 8,
  'LiveMeter.#confirmed': 16,
  'LiveMeter.#reports': 16,
  'ServedTime.#spans': 64,
  'TrackEnd.#distancesMs': 8,
  'ViewingDelivery.#open': 3,
  'ViewingSession.#state.keys': 3,
  // Bounded in bytes.
  'TagQueue.#queue': 100_000,
};
/** Anything else has something for each viewing, program, edge or recent chunk: of these there are so many. */
const USUAL_BOUND = 200;

/** Looks at whatever the processes of a deployment hold that could grow. @param isOver everybody has left, and it was closed */
export function checkGrowth(deployment: Deployment, oracle: Oracle, isOver: boolean): void {
  const { server, edges, remotes } = deployment;
  const hosts = [...edges.values()].filter(({ process }) => process.isAlive);
  const elsewhere = [...remotes.values()].filter(({ studio }) => studio.process.isAlive);
  const roots: readonly (object | undefined)[] = [
    server?.authority,
    server?.encryptors,
    ...hosts.map(({ edge }) => edge),
    ...elsewhere.map(({ keys }) => keys),
    ...deployment.studios().map(({ broadcasts }) => broadcasts),
  ];
  oracle.count('looked for growth');
  for (const { where, size } of collectionsOf(roots.filter((root) => root !== undefined))) {
    const atMost = isOver ? (REMEMBERED[where] ?? 0) : (BOUNDS[where] ?? USUAL_BOUND);
    if (size > atMost) oracle.fail(8, `${where} holds ${size}, and ${atMost} at most ${isOver ? 'may be left' : 'are allowed'}`);
  }
}
