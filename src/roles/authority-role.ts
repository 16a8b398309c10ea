import type { Logger } from 'pino';
import { serveAuthority } from '../api/authority-routes.ts';
import { servePages } from '../api/pages.ts';
import type { SocketRoute } from '../api/upgrade.ts';
import { Authority } from '../authority/authority.ts';
import { RemoteEncryptors } from '../authority/remote-encryptors.ts';
import type { Bus } from '../bus/bus.ts';
import type { Timers } from '../clock.ts';
import type { DataFolder } from '../config/data-folder.ts';
import type { HttpWithPagesConfig, KeyRules, TokensConfig, ViewersConfig } from '../config/sections.ts';
import type { TokenSecrets } from '../config/token-secrets.ts';
import { AdmissionQueue } from '../control/admission-queue.ts';
import { controlPath, controlRoute } from '../control/control-route.ts';
import { ControlTotals } from '../control/control-totals.ts';
import { ENCRYPTOR_LIMITS, encryptorPath, encryptorRoute } from '../control/encryptor-route.ts';
import type { MessageLimits } from '../control/message-socket.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { lockDataFolder } from '../ledger/lock.ts';
import { openReader } from '../ledger/reader.ts';
import { recover } from '../ledger/recovery.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import { tokenIssuer } from '../tokens/token-issuer.ts';
import { TokenVerifier } from '../tokens/token-verifier.ts';
import { version } from '../version.ts';
import { END_REASONS } from '../viewing/end-reason.ts';
import {
  measureAdmission,
  measureControl,
  measureEncryptors,
  measureViewings,
  RECEIPT_SECONDS,
  WAIT_SECONDS,
} from './authority-metrics.ts';
import type { Host } from './host.ts';
import type { HttpRole } from './http-role.ts';

const CONTROL_LIMITS: MessageLimits = {
  helloTimeoutMs: 10_000,
  messagesPerSecond: 5,
  burstMessages: 20,
  maxSocketBytes: 262_144,
};
/** How late a program that the command line adds or removes is noticed. */
const FOREIGN_POLL_MS = 200;
/** How often the ledger gets a sign of life: what an interrupted viewing is billed to. */
const LIFE_MS = 1_000;

/** How often secrets that are over are removed, and what became of their files is said. */
const SECRETS_MS = 1_000;

export interface AuthorityConfig {
  readonly keys: KeyRules;
  readonly viewers: ViewersConfig;
  readonly http: HttpWithPagesConfig;
  readonly tokens: TokensConfig;
}

export interface AuthorityRole {
  readonly authority: Authority;
  readonly sockets: readonly (readonly [RegExp, SocketRoute])[];
  /** For encryptors elsewhere. */
  readonly encryptorSockets: readonly (readonly [RegExp, SocketRoute])[];
}

/**
 * Makes keys, demands receipts, keeps the ledger (DESIGN.md, section 3). Holds its data folder's lock.
 * @throws TollcastError `data-in-use`, `data-unwritable`, `ledger-corrupt` …
 */
export async function authorityRole(
  host: Host,
  { config, data, bus, http }: { config: AuthorityConfig; data: DataFolder; bus: Bus; http: HttpRole },
): Promise<AuthorityRole> {
  const { clock, timers, log } = host;
  const issuers = config.tokens.issuers.map((issuer) => tokenIssuer(issuer, log));
  const tokens = new TokenVerifier(data.tokenSecrets, issuers);
  const lock = lockDataFolder(data.folder);
  host.onClose(() => lock.release());
  const { replaced, ...left } = recover({ file: data.ledgerFile, clock, version });
  if (replaced !== undefined)
    log.warn(
      { replaced },
      'a restore of the ledger had been broken off at its last step, and is finished; nothing is to be done',
    );
  if (left.viewings + left.broadcasts > 0)
    log.warn(left, 'the last run was not shut down cleanly: what it left open is ended as interrupted; nothing is to be done');
  const ledger = await openLedger({ file: data.ledgerFile, clock, log, pollMs: FOREIGN_POLL_MS });
  host.onClose(() => ledger.close());
  host.onReadiness(() => ledger.state.fault?.message);
  const reader = openReader(data.ledgerFile);
  host.onClose(() => reader.close());
  host.onClose(beat(ledger, timers));
  host.onClose(tendSecrets(data.tokenSecrets, timers, log));

  const receiptSeconds = host.metrics.histogram(
    'tollcast_receipt_seconds',
    "From a key's sending to its receipt on disk",
    RECEIPT_SECONDS,
  );
  const authority = new Authority({
    clock,
    timers,
    log,
    bus,
    ledger,
    reader,
    rules: { ...config.keys, ...config.viewers },
    receiptDurable: (afterMs) => receiptSeconds(afterMs / 1_000),
  });
  serveAuthority(http.app, authority, tokens);
  servePages(http.app, config.http.frameAncestors);
  measure(host, authority, ledger);
  measureViewings(host, authority, config.viewers);
  const waitSeconds = host.metrics.histogram('tollcast_admission_wait_seconds', 'From a watch to its turn', WAIT_SECONDS);
  const queue = new AdmissionQueue({
    clock,
    timers,
    maxWaiting: config.viewers.maxWaiting,
    ledgerWaiting: () => ledger.state.waiting,
    waited: (ms) => waitSeconds(ms / 1_000),
  });
  host.onClose(() => queue.close());
  measureAdmission(host, queue, config.viewers);
  const controlPorts = { authority, clock, timers, log, tokens, queue, limits: CONTROL_LIMITS, totals: new ControlTotals() };
  measureControl(host, controlPorts.totals);
  const encryptors = new RemoteEncryptors({ authority, ledger, reader, clock, timers, log });
  host.onClose(() => encryptors.close());
  const encryptorPorts = { encryptors, clock, timers, log, limits: ENCRYPTOR_LIMITS, totals: new ControlTotals() };
  measureEncryptors(host, encryptors, encryptorPorts.totals);
  return {
    authority,
    sockets: [[controlPath, controlRoute(controlPorts, http.heartbeat)]],
    encryptorSockets: [[encryptorPath, encryptorRoute(encryptorPorts, http.heartbeat)]],
  };
}

function beat(ledger: Ledger, timers: Timers): () => void {
  let cancel: () => void;
  const next = () => {
    cancel = timers.after(LIFE_MS, () => {
      // While the disk refuses, signs of life would only pile up.
      if (ledger.state.fault === undefined) ledger.append({ kind: 'life' }).catch(() => undefined);
      next();
    });
  };
  next();
  return () => cancel();
}

/** Secrets that are over are forgotten and removed; that another one signs, or that their files are broken, is said once. */
function tendSecrets(secrets: TokenSecrets, timers: Timers, log: Logger): () => void {
  let cancel: () => void;
  let { fault } = secrets;
  let { kid } = secrets.current;
  const tend = () => {
    const before = kid;
    kid = secrets.current.kid;
    if (kid !== before) log.info({ kid, valid: secrets.valid().length }, 'another secret signs tokens from now on');
    if (secrets.fault !== undefined && secrets.fault !== fault)
      log.error(
        { reason: secrets.fault },
        'the secrets that sign tokens cannot be read: those before stay in use; put the files of the data folder right',
      );
    fault = secrets.fault;
    try {
      const removed = secrets.prune();
      if (removed > 0) log.info({ removed }, 'old secrets of tokens are over, and removed');
    } catch (error) {
      log.error(
        { err: error },
        'old secrets of tokens are over, but their files cannot be removed: let this user write the data folder',
      );
    }
    next();
  };
  const next = () => {
    cancel = timers.after(SECRETS_MS, tend);
  };
  next();
  return () => cancel();
}

function measure({ metrics }: Host, authority: Authority, ledger: Ledger): void {
  metrics.gauge('tollcast_viewings', 'Viewings under way', () => authority.viewings);
  metrics.gauge('tollcast_edges', 'Edges that viewers can be sent to', () => authority.edges);
  metrics.gauge('tollcast_broadcasts', 'Broadcasts under way', () => authority.broadcasts.size);
  metrics.gauge('tollcast_ledger_waiting_entries', 'Ledger entries not yet durable', () => ledger.state.waiting);
  metrics.gauge('tollcast_ledger_faulty', '1 while the ledger cannot be written', () =>
    ledger.state.fault === undefined ? 0 : 1,
  );
  metrics.gauge('tollcast_ledger_deaf', '1 while entries of other writers, such as tollcast program add, cannot be read', () =>
    ledger.state.deaf === undefined ? 0 : 1,
  );
  metrics.totals('tollcast_viewings_ended_total', 'Viewings that ended, by what', 'reason', () => authority.endings, END_REASONS);
}
