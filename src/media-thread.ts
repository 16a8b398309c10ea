import { parentPort, workerData } from 'node:worker_threads';
import { pino } from 'pino';
import { TollcastError, unreachable } from './errors.ts';
import { processClock } from './process-clock.ts';
import type { EdgeFigures } from './roles/edge-metrics.ts';
import { edgeRole } from './roles/edge-role.ts';
import { type Host, type Running, running } from './roles/host.ts';
import { type HttpRole, httpRole } from './roles/http-role.ts';
import { FIGURES_MS, type FromThread, MEDIA_PORT, type ThreadSettings, type ToThread } from './threads/messages.ts';
import { PostedCertificates } from './threads/posted-certificates.ts';
import { threadBus } from './threads/thread-bus.ts';

/** A media thread: an edge on a port that it shares with others, and the main thread where its bus leads to (threads/threaded-edge.ts). */

const settings: ThreadSettings = workerData;
const port = parentPort;
if (port === null) throw new Error('a media thread runs in a worker thread only');
const post = (message: FromThread): void => port.postMessage(message);

/** The main thread writes it. */
const log = pino({ level: settings.logLevel, base: null }, { write: (line: string) => post({ type: 'log', line }) });
const tls = settings.certificate === undefined ? undefined : new PostedCertificates(settings.certificate);
const bus = threadBus(post);
let thread: Running | undefined;

port.on('message', (message: ToThread) => {
  switch (message.type) {
    case 'certificate':
      tls?.receive(message.certificate);
      return;
    case 'close':
      void close();
      return;
    case 'gate':
    case 'snapshot':
    case 'chunk':
    case 'lost':
    case 'caught-up':
    case 'claimed':
      bus.receive(message);
      return;
    default:
      unreachable(message);
  }
});

try {
  const started = await running(log, compose, processClock(settings.anchor));
  thread = started;
  post({ type: 'listening', url: started.url });
} catch (error) {
  if (!(error instanceof TollcastError)) throw error;
  post({ type: 'not-listening', code: error.code, message: error.message });
  port.close();
}

async function compose(host: Host): Promise<{ readonly url: string }> {
  const http = httpRole(host, settings, { tls, setting: MEDIA_PORT });
  host.onClose(() => post({ type: 'closing' }));
  const edge = edgeRole(host, { config: settings.delivery, bus, http, edge: 'thread', claim: bus.claim });
  const url = await http.listen(edge.sockets);
  // Nobody hears it, but programs that nobody watches here are left.
  edge.announce('');
  host.onClose(reportFigures(host, http, edge.figures));
  return { url };
}

async function close(): Promise<void> {
  await thread?.close();
  port?.close();
}

function reportFigures({ timers }: Host, http: HttpRole, edge: EdgeFigures): () => void {
  let cancel: () => void;
  const report = () => {
    const { totals, batchMs, backlog } = edge;
    const { sentBytes, droppedChunks, refusedTickets } = totals;
    const { sockets, connections, refused } = http.figures;
    const figures = { sentBytes, droppedChunks, refusedTickets, batchMs, backlog, sockets, connections, refused };
    post({ type: 'figures', figures });
    cancel = timers.after(FIGURES_MS, report);
  };
  report();
  return () => cancel();
}
