import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import type { WebSocket } from 'ws';
import { Heartbeat } from '../../src/api/heartbeat.ts';
import { HttpAdmission } from '../../src/api/http-limits.ts';
import { serveSockets } from '../../src/api/upgrade.ts';
import { Authority } from '../../src/authority/authority.ts';
import { RemoteEncryptors } from '../../src/authority/remote-encryptors.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { type Clock, systemClock, systemTimers } from '../../src/clock.ts';
import { http } from '../../src/config/sections.ts';
import { AdmissionQueue } from '../../src/control/admission-queue.ts';
import { controlPath, controlRoute } from '../../src/control/control-route.ts';
import { ControlTotals } from '../../src/control/control-totals.ts';
import { ENCRYPTOR_LIMITS, encryptorPath, encryptorRoute } from '../../src/control/encryptor-route.ts';
import { addEncryptor, revokeEncryptor } from '../../src/ledger/encryptors.ts';
import type { Entered, Entry, EntryKind } from '../../src/ledger/entry.ts';
import type { Ledger, LedgerReader } from '../../src/ledger/ledger.ts';
import { addProgram, removeProgram } from '../../src/ledger/programs.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { tokenSecret } from '../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { newLedgerFile } from '../ledger/support.ts';
import { tariff } from '../ledger/support-entries.ts';

const silentLog = pino({ level: 'silent' });

/** Short epochs; whatever a test waits for happens within a few of them. */
export const RULES = { periodMs: 400, leadMs: 60, spreadMs: 60, graceMs: 80, reserveMs: 40, minAnswerMs: 60 };
export const GRACE_MS = 1_500;

export const TOKEN_SECRET = new Uint8Array(32).fill(7);

const VIEWERS = { maxViewingsPerViewer: 1, whenAtLimit: 'newest-wins', maxViewings: 10, ticketLifetimeMs: 1_000 } as const;

/** An authority with its ledger on disk and its encryptors' sockets on a port, which can be cut off and restarted. */
export class AuthorityHost {
  readonly file: string = newLedgerFile();
  readonly clock: Clock = systemClock();
  /** What it wrote, in order, over all its lives. */
  readonly entries: Entered[] = [];
  /** What it writes waits for a disk that does not answer, and is lost when it dies. */
  isDiskStuck = false;
  authority!: Authority;
  encryptors!: RemoteEncryptors;
  #ledger!: Ledger;
  #reader!: LedgerReader;
  #server: Server | undefined;
  #heartbeat = new Heartbeat(systemTimers, 1_000);
  readonly #sockets = new Set<WebSocket>();
  #port = 0;

  private constructor() {}

  static async start(...programs: readonly string[]): Promise<{ host: AuthorityHost; streamKeys: Map<string, string> }> {
    const host = new AuthorityHost();
    const streamKeys = new Map(programs.map((name) => [name, addProgram(host.file, { name, title: name, tariff }).streamKey]));
    await host.#begin();
    await host.restore();
    return { host, streamKeys };
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  credential(name: string, ...programs: readonly string[]): string {
    return addEncryptor(this.file, { name, programs }).secret;
  }

  revoke(name: string): void {
    revokeEncryptor(this.file, name);
  }

  removeProgram(name: string): void {
    removeProgram(this.file, name);
  }

  of<K extends EntryKind>(kind: K): Extract<Entry, { kind: K }>[] {
    return this.entries.map(({ entry }) => entry).filter((entry): entry is Extract<Entry, { kind: K }> => entry.kind === kind);
  }

  /** The network between it and everybody else is gone; it goes on by itself. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.terminate();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }

  async restore(): Promise<void> {
    const server = createServer();
    const route = encryptorRoute(
      {
        encryptors: this.encryptors,
        clock: this.clock,
        timers: systemTimers,
        log: silentLog,
        limits: ENCRYPTOR_LIMITS,
        totals: new ControlTotals(),
      },
      this.#heartbeat,
    );
    const accept: typeof route.accept = (...asked) => {
      const take = route.accept(...asked);
      if (typeof take !== 'function') return take;
      return (socket, authenticated, stream) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        take(socket, authenticated, stream);
      };
    };
    const { authority, clock } = this;
    const viewers = controlRoute(
      {
        authority,
        clock,
        timers: systemTimers,
        log: silentLog,
        limits: ENCRYPTOR_LIMITS,
        totals: new ControlTotals(),
        queue: new AdmissionQueue({ clock, timers: systemTimers, maxWaiting: 100, ledgerWaiting: () => 0 }),
        tokens: new TokenVerifier({ valid: () => [tokenSecret(TOKEN_SECRET)] }),
      },
      this.#heartbeat,
    );
    const routes = [
      [encryptorPath, { ...route, accept }],
      [controlPath, viewers],
    ] as const;
    serveSockets(server, routes, [], new HttpAdmission(server, http.parse({})));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** It dies, with nothing said, and comes back. */
  async restart(afterMs = 0): Promise<void> {
    await this.cut();
    this.encryptors.close();
    await this.#ledger.close();
    this.#reader.close();
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await this.#begin();
    await this.restore();
  }

  async stop(): Promise<void> {
    await this.cut();
    this.#heartbeat.stop();
    this.encryptors.close();
    await this.authority.close();
    await this.#ledger.close();
    this.#reader.close();
  }

  async #begin(): Promise<void> {
    const { clock, file } = this;
    recover({ file, clock: systemClock(), version: 'test' });
    const ledger = await openLedger({ file, clock, log: silentLog, pollMs: 20 });
    this.#ledger = {
      append: async (entry) => {
        if (this.isDiskStuck) await new Promise(() => undefined);
        const entered = await ledger.append(entry);
        this.entries.push(entered);
        return entered;
      },
      get state() {
        return ledger.state;
      },
      onForeign: (listener) => ledger.onForeign(listener),
      close: () => ledger.close(),
    };
    this.#reader = openReader(file);
    const parts = { clock, timers: systemTimers, log: silentLog, ledger: this.#ledger, reader: this.#reader };
    this.authority = new Authority({ ...parts, bus: localBus(), rules: { ...RULES, ...VIEWERS } });
    this.encryptors = new RemoteEncryptors({ ...parts, authority: this.authority, graceMs: GRACE_MS });
  }
}
