import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { Authority } from '../src/authority/authority.ts';
import type { KeyExchange } from '../src/authority/key-exchange.ts';
import type { Channel } from '../src/authority/outbox.ts';
import type { ViewingSession } from '../src/authority/viewing-session.ts';
import { localBus } from '../src/bus/local-bus.ts';
import { systemClock, systemTimers } from '../src/clock.ts';
import { keys } from '../src/config/sections.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import type { ServerMessage } from '../src/protocol/messages.ts';
import { readerOf } from '../test/authority/one-program.ts';
import { asKey } from '../test/sim/exchange.ts';
import { TARIFF } from './stage.ts';

export interface RegistryLoad {
  readonly viewings: number;
  readonly periodMs: number;
  /** How long is measured. */
  readonly periods: number;
}

/**
 * CPU microseconds of an update in the authority alone: the schedule, the spread, the registry of viewings and their states, on this
 * host's clock and timers. Keys are numbers, receipts too, and what is appended is durable at once.
 */
export async function registryCost({ viewings, periodMs, periods }: RegistryLoad): Promise<number> {
  const clock = systemClock();
  const authority = new Authority({
    clock,
    timers: systemTimers,
    log: pino({ level: 'silent' }),
    bus: localBus(),
    ledger: ledgerOf(clock),
    reader: readerOf({ name: 'news', title: 'News', tariff: TARIFF, streamKeyHash: '' }),
    rules: {
      ...keys.parse({ periodMs }),
      maxViewings: viewings,
      maxViewingsPerViewer: viewings,
      whenAtLimit: 'oldest-wins',
      ticketLifetimeMs: periodMs,
    },
    exchange: EXCHANGE,
  });
  // An encryptor that begins each epoch when it is planned.
  const live = authority.startBroadcast('news', 'b1', {
    offer: ({ key: { epoch }, notBeforeMs }) => {
      systemTimers.after(Math.max(0, notBeforeMs - clock.nowMs()), () => live.began(epoch, clock.nowMs()));
    },
    end: () => undefined,
  });
  await pause(50);
  live.began(1, clock.nowMs());
  for (let index = 0; index < viewings; index++) await join(authority, `viewer-${index}`);
  await pause(periodMs);
  const [before, keysBefore] = [process.cpuUsage(), authority.totals.keys];
  await pause(periods * periodMs);
  const { user, system } = process.cpuUsage(before);
  const updates = authority.totals.keys - keysBefore;
  if (authority.viewings !== viewings) throw new Error(`of ${viewings} viewings ${authority.viewings} are left`);
  await authority.close();
  return (user + system) / updates;
}

/** A viewer that answers at once. */
class Answering implements Channel {
  session: ViewingSession | undefined;

  send(message: ServerMessage): void {
    if (message.type === 'key') void this.session?.receive(String(message.epoch));
  }

  close(): void {}
}

async function join(authority: Authority, viewer: string): Promise<void> {
  const channel = new Answering();
  const statement = { program: 'news', tariff: TARIFF, tokenHash: '', challenge: '', agree: {} as never };
  channel.session = await authority.watch({
    token: { viewer, programs: ['news'], id: viewer },
    tokenText: '',
    watch: { statement, signJwk: {} as never, signKey: asKey('sign'), agreeKey: asKey('agree') },
    jws: '',
    challenge: '',
    channel,
  });
}

const EXCHANGE: KeyExchange = {
  verifyWatch: async () => {
    throw new Error('a viewer here makes no statement');
  },
  checkWatch: () => undefined,
  agreedOnResume: async () => asKey('agree'),
  encryptSessionKey: () => '',
  encryptContentKey: () => '',
  proofKey: () => asKey('proof'),
  verifyReceipt: async (jws, viewing) => ({ viewing, epoch: Number(jws), chunks: 0, proof: '' }),
};

function ledgerOf(clock: ReturnType<typeof systemClock>): Ledger {
  let seq = 0;
  return {
    append: async (entry) => {
      const monoMs = clock.nowMs();
      return { seq: ++seq, boot: clock.boot, monoMs, wallMs: monoMs, hash: '', entry };
    },
    state: { waiting: 0 },
    onForeign: () => () => undefined,
    close: async () => undefined,
  };
}
