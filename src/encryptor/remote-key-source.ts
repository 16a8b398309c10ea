import type { Logger } from 'pino';
import type { Clock, Timers } from '../clock.ts';
import { TollcastError, unreachable } from '../errors.ts';
import { generateDeviceKeys } from '../keys/device.ts';
import { isSecret } from '../keys/secret-proof.ts';
import { ENCRYPTOR_PATH, type EncryptorErrorCode } from '../protocol/encryptor-messages.ts';
import { AuthorityConnection, type Connection, type ConnectionListener, type Told } from './authority-connection.ts';
import { AuthorityLink } from './authority-link.ts';
import type { BroadcastReports, Encryptor, KeySource, StreamKeyRefusal } from './key-source.ts';
import { RemoteBroadcast } from './remote-broadcast.ts';
import { StreamKeys } from './stream-keys.ts';

/** With these the authority refuses the credential, and so whatever this process asks for. */
const REFUSED: ReadonlySet<EncryptorErrorCode> = new Set(['credential-revoked', 'credential-invalid', 'opening-invalid']);

/** How long `close` waits for the authority to hear what is outstanding. */
const CLOSE_WITHIN_MS = 1_000;

export interface RemoteKeySourcePorts {
  /** Of the authority: wss://HOST, with a port and a path before /v1 where it has them. ws: is for a trusted link only. */
  readonly url: string;
  /** The credential's name. */
  readonly encryptor: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** For the jitter of reconnections, in [0, 1). */
  readonly random?: () => number;
}

export interface RemoteKeySourceOptions extends RemoteKeySourcePorts {
  /** The credential's secret, as `tollcast credentials encryptor add` showed it. */
  readonly secret: string;
  /** Certificates to trust, PEM, in place of the system's. */
  readonly ca?: string | Buffer;
}

/**
 * The authority on another host (DESIGN.md, section 3, "split"). Connects, and connects again, for as long as it is not closed; an
 * authority that is away delays keys and refuses broadcasters that are new, and nothing else.
 */
export class RemoteKeySource implements KeySource {
  readonly #ports: RemoteKeySourcePorts;
  readonly #link: AuthorityLink;
  readonly #streamKeys: StreamKeys;
  /** In the order in which they began; ended ones until the authority has heard of it. */
  readonly #broadcasts = new Map<string, RemoteBroadcast>();
  #drained: () => void = () => undefined;
  #refusal: StreamKeyRefusal | undefined;
  #wasOpen = false;

  /** @param connect makes a socket to the authority */
  constructor(ports: RemoteKeySourcePorts, connect: (listener: ConnectionListener) => Connection) {
    const { url, clock, timers, log, random = Math.random } = ports;
    this.#ports = ports;
    this.#streamKeys = new StreamKeys({
      clock,
      timers,
      isConnected: () => this.#link.isOpen,
      refusal: () => this.#refusal,
      send: (message) => this.#link.send(message),
    });
    this.#link = new AuthorityLink(
      { url, connect, clock, timers, log, random },
      {
        opened: (programs) => this.#opened(programs),
        told: (message, arrivedMs, connection) => this.#told(message, arrivedMs, connection),
        lost: () => this.#streamKeys.lost(),
      },
    );
  }

  /**
   * Makes this process's keys and begins to connect; does not wait for the authority.
   * @throws TollcastError `bad-address`, `secret-invalid`
   */
  static async open(options: RemoteKeySourceOptions): Promise<RemoteKeySource> {
    const url = socketUrl(options.url);
    if (!isSecret(options.secret))
      throw new TollcastError(
        'secret-invalid',
        'that is no secret of an encryptor: tollcast credentials encryptor add shows one',
      );
    const device = await generateDeviceKeys();
    const connect = (listener: ConnectionListener) => new AuthorityConnection({ ...options, url, device }, listener);
    return new RemoteKeySource({ ...options, url }, connect);
  }

  get isConnected(): boolean {
    return this.#link.isOpen;
  }

  /** Reports that the authority has not heard yet. */
  get outstandingReports(): number {
    return [...this.#broadcasts.values()].reduce((sum, { outstandingReports }) => sum + outstandingReports, 0);
  }

  /** Broadcasters that wait for the authority's word on their stream key. */
  get unansweredStreamKeys(): number {
    return this.#streamKeys.unanswered;
  }

  /** Why the authority does not let this encryptor in, since it last said so; undefined as long as it does. */
  get refusal(): StreamKeyRefusal | undefined {
    return this.#refusal;
  }

  verify(program: string, streamKey: string): Promise<StreamKeyRefusal | undefined> {
    return this.#streamKeys.verify(program, streamKey);
  }

  timelineStartMs(program: string): number {
    return this.#streamKeys.timelineStartMs(program);
  }

  begin(program: string, broadcast: string, encryptor: Encryptor): BroadcastReports {
    const { clock, log, encryptor: name } = this.#ports;
    const run = { program, broadcast };
    const timelineZeroMs = clock.nowMs() - this.timelineStartMs(program);
    const remote = new RemoteBroadcast(run, timelineZeroMs, encryptor, {
      clock,
      log,
      encryptor: name,
      isConnected: () => this.#link.isOpen,
      send: (message) => this.#link.send(message),
      done: () => this.#done(run),
    });
    this.#broadcasts.set(keyOf(run), remote);
    if (this.#link.isOpen) remote.announce();
    return remote;
  }

  /** Closes the connection once what was reported is heard, or that took too long. End the broadcasts first. */
  async close(): Promise<void> {
    if (this.#broadcasts.size > 0 && this.#link.isOpen) {
      const drained = Promise.withResolvers<void>();
      this.#drained = drained.resolve;
      const cancel = this.#ports.timers.after(CLOSE_WITHIN_MS, drained.resolve);
      await drained.promise;
      cancel();
    }
    this.#link.close();
  }

  #opened(programs: readonly string[]): void {
    this.#refusal = undefined;
    this.#wasOpen = true;
    // What was sealed meanwhile is told before anything new is asked.
    for (const broadcast of this.#broadcasts.values()) broadcast.announce();
    this.#streamKeys.connected(programs);
  }

  async #told(message: Told, arrivedMs: number, connection: Connection): Promise<void> {
    switch (message.type) {
      case 'verified':
        this.#streamKeys.answered(message);
        return;
      case 'begun':
        this.#broadcasts.get(keyOf(message))?.begun(message.as);
        return;
      case 'heard':
        this.#broadcasts.get(keyOf(message))?.heard(message.seq);
        return;
      case 'key':
        await this.#broadcasts.get(keyOf(message))?.key(message, arrivedMs, connection);
        return;
      case 'end':
        this.#broadcasts.get(keyOf(message))?.end(message.reason === 'program-not-allowed' ? 'program-removed' : message.reason);
        return;
      case 'error':
        if (REFUSED.has(message.code)) this.#refused(message);
        return;
      default:
        unreachable(message);
    }
  }

  /** A credential that was good and is not known any more was revoked. No key comes then, so nobody could watch what is broadcast here. */
  #refused({ code, message }: StreamKeyRefusal): void {
    this.#refusal = { code, message: `the authority refuses this facility: ${message}` };
    this.#streamKeys.refused();
    if (this.#wasOpen) for (const broadcast of [...this.#broadcasts.values()]) broadcast.end('revoked');
  }

  #done(run: { program: string; broadcast: string }): void {
    this.#broadcasts.delete(keyOf(run));
    if (this.#broadcasts.size === 0) this.#drained();
  }
}

const keyOf = ({ program, broadcast }: { program: string; broadcast: string }): string => `${program} ${broadcast}`;

/** @throws TollcastError `bad-address` */
function socketUrl(base: string): string {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url?.protocol !== 'wss:' && url?.protocol !== 'ws:')
    throw new TollcastError(
      'bad-address',
      `${base} is not the address of an authority; one begins with wss:// or ws://, like wss://video.example`,
    );
  const path = url.pathname.replace(/\/$/, '');
  return `${url.origin}${path.endsWith(ENCRYPTOR_PATH) ? path : path + ENCRYPTOR_PATH}`;
}
