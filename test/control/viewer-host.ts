import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Heartbeat } from '../../src/api/heartbeat.ts';
import { HttpAdmission } from '../../src/api/http-limits.ts';
import { serveSockets } from '../../src/api/upgrade.ts';
import { Authority, type AuthorityRules } from '../../src/authority/authority.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { systemClock, systemTimers } from '../../src/clock.ts';
import { http } from '../../src/config/sections.ts';
import type { PaceRules } from '../../src/control/admission-pace.ts';
import { AdmissionQueue } from '../../src/control/admission-queue.ts';
import { controlPath, controlRoute } from '../../src/control/control-route.ts';
import { ControlTotals } from '../../src/control/control-totals.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { TokenIssuer } from '../../src/tokens/token-issuer.ts';
import { tokenSecret } from '../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';
import { readerOf } from '../authority/one-program.ts';
import { RawViewer } from '../e2e/raw-viewer.ts';
import { tariff } from '../ledger/support-entries.ts';

const RULES: AuthorityRules = {
  periodMs: 1_000,
  leadMs: 200,
  spreadMs: 300,
  graceMs: 300,
  reserveMs: 100,
  minAnswerMs: 400,
  maxViewings: 1_000,
  maxViewingsPerViewer: 1,
  whenAtLimit: 'newest-wins',
  ticketLifetimeMs: 1_000,
};
const SECRET = new Uint8Array(32).fill(7);

export interface ViewerHostOptions {
  readonly rules: PaceRules;
  readonly maxWaiting?: number;
  /** Control sockets of an address that have not said whose they are. */
  readonly maxUnauthenticated?: number;
  readonly issuers?: readonly TokenIssuer[];
}

/** An authority with a program on air and its control sockets on a port; its ledger is in memory. */
export class ViewerHost {
  readonly entries: Entry[] = [];
  readonly totals = new ControlTotals();
  readonly queue: AdmissionQueue;
  readonly authority: Authority;
  readonly #clock = systemClock();
  readonly #planned: (() => void)[] = [];
  readonly #server: Server;
  readonly #heartbeat = new Heartbeat(systemTimers, 15_000);
  readonly #viewers: RawViewer[] = [];

  private constructor({ rules, maxWaiting = 1_000, maxUnauthenticated = 250, issuers = [] }: ViewerHostOptions) {
    const clock = this.#clock;
    const parts = { clock, timers: systemTimers, log: pino({ level: 'silent' }) };
    const ledger: Ledger = {
      append: async (entry) => {
        const monoMs = clock.nowMs();
        this.entries.push(entry);
        return { seq: this.entries.length, boot: clock.boot, monoMs, wallMs: monoMs, hash: '', entry };
      },
      state: { waiting: 0 },
      onForeign: () => () => undefined,
      close: async () => undefined,
    };
    const bus = localBus();
    this.authority = new Authority({
      ...parts,
      bus,
      ledger,
      reader: readerOf({ name: 'news', title: 'News', tariff, streamKeyHash: '' }),
      rules: RULES,
    });
    bus.gates.subscribe('local', {
      change: (change) => {
        if (change.kind === 'close') bus.deliveries.publish({ edge: 'local', kind: 'closed', viewing: change.viewing });
      },
      snapshot: () => undefined,
    });
    const announce = () => bus.edges.publish({ edge: 'local', url: '', viewings: 0, leaving: false });
    announce();
    const announcing = setInterval(announce, 500);
    this.#planned.push(() => clearInterval(announcing));
    this.queue = new AdmissionQueue({ ...parts, maxWaiting, ledgerWaiting: () => 0, rules });
    const { authority, queue, totals } = this;
    const tokens = new TokenVerifier({ valid: () => [tokenSecret(SECRET)] }, issuers);
    const limits = { helloTimeoutMs: 2_000, messagesPerSecond: 5, burstMessages: 20, maxSocketBytes: 262_144 };
    const route = controlRoute({ ...parts, authority, tokens, queue, totals, limits }, this.#heartbeat);
    this.#server = createServer();
    const admission = new HttpAdmission(this.#server, http.parse({ maxUnauthenticatedPerAddress: maxUnauthenticated }));
    serveSockets(this.#server, [[controlPath, route]], [], admission);
  }

  static async start(options: ViewerHostOptions): Promise<ViewerHost> {
    const host = new ViewerHost(options);
    await new Promise<void>((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    await host.#onAir();
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  token(viewer: string, ttlSeconds = 60): Promise<string> {
    return signViewerToken({ viewer, programs: ['news'], ttlSeconds }, SECRET);
  }

  /** One that has no edge to open a media socket to. */
  stranger(): RawViewer {
    const viewer = new RawViewer(this.url);
    viewer.opensMedia = false;
    this.#viewers.push(viewer);
    return viewer;
  }

  async asks(name: string, ttlSeconds?: number): Promise<RawViewer> {
    return this.asksWith(await this.token(name, ttlSeconds));
  }

  async asksWith(token: string): Promise<RawViewer> {
    const viewer = this.stranger();
    await viewer.watch('news', token);
    return viewer;
  }

  async stop(): Promise<void> {
    this.queue.close();
    for (const { control } of this.#viewers) control?.terminate();
    for (const cancel of this.#planned) cancel();
    this.#heartbeat.stop();
    await this.authority.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Each epoch begins when it may. */
  async #onAir(): Promise<void> {
    const begun = Promise.withResolvers<void>();
    const live = this.authority.startBroadcast('news', 'b1', {
      offer: ({ key: { epoch }, notBeforeMs }) => {
        const begin = () => {
          live.began(epoch, this.#clock.nowMs());
          begun.resolve();
        };
        this.#planned.push(systemTimers.after(Math.max(1, notBeforeMs - this.#clock.nowMs()), begin));
      },
      end: () => undefined,
    });
    await begun.promise;
  }
}
