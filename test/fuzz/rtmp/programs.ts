import { isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import { localBus } from '../../../src/bus/local-bus.ts';
import type { Clock, Timers } from '../../../src/clock.ts';
import { encrypt } from '../../../src/encryptor/media-path.ts';
import { Broadcasts } from '../../../src/ingest/broadcasts.ts';
import type { PublishDecision, PublishRequest } from '../../../src/ingest/publication.ts';
import { Flag, type SealedChunk } from '../../../src/media/chunk.ts';
import type { FlvTag } from '../../../src/media/flv.ts';
import { offerOf, open } from '../../media/sealed.ts';
import { parsePreamble, parseTags } from '../../media/tags.ts';

const EPOCHS: Readonly<Record<string, number>> = { witness: 1, attacked: 2 };
const MAX_LOG_LINE_CHARS = 4_096;

/**
 * Two programs of one encryptor, from the publisher's leave to sealed chunks: `witness`, of which exactly what was sent must come out,
 * and `attacked`, which inputs may publish. Both stream keys are "good".
 */
export class Programs {
  readonly log = pino({ level: 'info' }, { write: (line) => this.#look(line) });
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #bus = localBus();
  readonly #broadcasts: Broadcasts;
  readonly #underWay = new Set<string>();
  readonly #expected: FlvTag[] = [];
  #fault: Error | undefined;
  /** Of `attacked`, since `reset`: publishers that were given leave, and chunks that came out. */
  accepted = 0;
  chunks = 0;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
    this.#broadcasts = new Broadcasts({
      graceMs: 60_000,
      clock,
      timers,
      log: this.log,
      verify: (program, streamKey) => refusalOf(program, streamKey),
      onBroadcast: (broadcast) => {
        this.#underWay.add(broadcast.program);
        encrypt(broadcast, this.#ports())
          .catch((error: unknown) => this.#fail(error))
          .finally(() => this.#underWay.delete(broadcast.program));
      },
    });
    this.#bus.chunks.subscribe('witness', { lost: () => undefined, chunk: (chunk) => this.#guard(() => this.#witnessed(chunk)) });
    this.#bus.chunks.subscribe('attacked', { lost: () => undefined, chunk: (chunk) => this.#guard(() => this.#attacked(chunk)) });
  }

  async publish(request: PublishRequest): Promise<PublishDecision> {
    const decision = await this.#broadcasts.publish(request);
    if (decision.accepted && request.program === 'attacked') this.accepted++;
    return decision;
  }

  reset(): void {
    this.accepted = 0;
    this.chunks = 0;
  }

  /** The witness is sending this; it must come out, and nothing else. */
  expect(...frames: FlvTag[]): void {
    this.#expected.push(...frames);
  }

  /** All that the witness sent has come out. */
  get isCaughtUp(): boolean {
    return this.#expected.length === 0;
  }

  /** Ends the broadcast that an input has left, if it has. */
  endAttacked(): void {
    this.#broadcasts.end('attacked', 'program-removed');
  }

  /** A connection has leave to publish it. */
  get isAttackedPublished(): boolean {
    return this.#broadcasts.of('attacked')?.isPublished ?? false;
  }

  /** Nothing is left of it. */
  get isAttackedOver(): boolean {
    return !this.#underWay.has('attacked') && this.#broadcasts.of('attacked') === undefined;
  }

  /** @throws Error what has gone wrong since the last time */
  check(): void {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault) throw fault;
  }

  close(): void {
    this.#broadcasts.close();
  }

  #ports() {
    return {
      clock: this.#clock,
      timers: this.#timers,
      log: this.log,
      bus: this.#bus,
      end: () => undefined,
      starved: () => undefined,
      keys: {
        verify: async () => undefined,
        timelineStartMs: () => undefined,
        begin: (program: string, _: string, encryptor: { offer(offer: ReturnType<typeof offerOf>): void }) => {
          encryptor.offer(offerOf(EPOCHS[program] ?? 3));
          return { began: () => undefined, away: () => undefined, back: () => undefined, ended: () => undefined };
        },
      },
    };
  }

  #witnessed(chunk: SealedChunk): void {
    const { flags, plaintext } = open(chunk);
    if (flags & Flag.preamble) return;
    for (const tag of parseTags(plaintext)) {
      const expected = this.#expected.shift();
      if (isDeepStrictEqual(tag, expected)) continue;
      throw new Error(`of the witness came ${JSON.stringify(tag)} where it had sent ${JSON.stringify(expected)}`);
    }
  }

  #attacked(chunk: SealedChunk): void {
    const { flags, plaintext } = open(chunk);
    if (flags & Flag.preamble) parsePreamble(plaintext);
    else parseTags(plaintext);
    this.chunks++;
  }

  #look(line: string): void {
    if (line.length > MAX_LOG_LINE_CHARS) this.#fail(new Error(`a log line of ${line.length} characters: ${line.slice(0, 200)}`));
  }

  #guard(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Error(String(error));
  }
}

function refusalOf(program: string, streamKey: string): { code: string; message: string } | undefined {
  if (EPOCHS[program] === undefined || !Object.hasOwn(EPOCHS, program))
    return { code: 'program-unknown', message: 'there is no such program' };
  return streamKey === 'good' ? undefined : { code: 'stream-key', message: 'wrong stream key: use the one shown' };
}
