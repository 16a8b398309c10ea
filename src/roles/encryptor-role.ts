import type { Bus } from '../bus/bus.ts';
import type { BroadcastConfig, RtmpConfig, RtmpsConfig } from '../config/sections.ts';
import type { AuthorityEnd, KeySource } from '../encryptor/key-source.ts';
import { encrypt } from '../encryptor/media-path.ts';
import { Broadcasts } from '../ingest/broadcasts.ts';
import { INGEST_REFUSALS } from '../ingest/refusals.ts';
import { type PublishRequest, RtmpServer } from '../ingest/rtmp-server.ts';
import type { Host } from './host.ts';
import { certificates, hostAndPort } from './http-role.ts';

export interface EncryptorConfig {
  readonly host: string;
  readonly rtmp: RtmpConfig;
  readonly rtmps?: RtmpsConfig | undefined;
  readonly broadcast: BroadcastConfig;
}

export interface EncryptorRole {
  /** Without the program. */
  readonly rtmpUrl: string;
  readonly rtmpsUrl?: string;
}

/**
 * RTMP in, sealed chunks out (DESIGN.md, section 3). Resolves once it listens.
 * @throws TollcastError `port-in-use` …, `config-invalid` where a certificate cannot be used
 */
export async function encryptorRole(
  host: Host,
  { config, bus, keys }: { config: EncryptorConfig; bus: Bus; keys: KeySource },
): Promise<EncryptorRole> {
  const { clock, timers, log } = host;
  const totals = { starved: 0 };
  const broadcasts = new Broadcasts({
    ...config.broadcast,
    clock,
    timers,
    log,
    verify: (program, streamKey) => keys.verify(program, streamKey),
    timelineStartMs: (program) => keys.timelineStartMs(program),
    onBroadcast: (broadcast) => {
      const end = (reason: AuthorityEnd) => broadcasts.end(broadcast.program, reason);
      encrypt(broadcast, { clock, timers, log, bus, keys, end, starved: () => totals.starved++ }).catch((error) => {
        log.error({ err: error, program: broadcast.program }, 'the media path of a broadcast failed; the broadcast is ended');
        broadcasts.end(broadcast.program, 'failed');
      });
    },
  });
  const options = {
    host: config.host,
    limits: config.rtmp,
    log,
    clock,
    publish: (request: PublishRequest) => broadcasts.publish(request),
  };
  const rtmp = new RtmpServer({ ...options, port: config.rtmp.port });
  const rtmps =
    config.rtmps === undefined
      ? undefined
      : new RtmpServer({ ...options, port: config.rtmps.port, tls: certificates(host, 'rtmps', config.rtmps) });
  const servers = rtmps === undefined ? [rtmp] : [rtmp, rtmps];
  const urls: string[] = [];
  for (const server of servers) {
    urls.push(hostAndPort(await server.listen()));
    host.onClose(() => server.close());
  }
  host.onClose(() => broadcasts.close());
  measure(host, servers);
  measureBroadcasts(host, broadcasts, config.rtmp, totals);
  const [rtmpUrl, rtmpsUrl] = urls;
  return { rtmpUrl: `rtmp://${rtmpUrl}/live`, ...(rtmpsUrl === undefined ? {} : { rtmpsUrl: `rtmps://${rtmpsUrl}/live` }) };
}

function measureBroadcasts(
  { metrics }: Host,
  broadcasts: Broadcasts,
  { maxConnections }: RtmpConfig,
  totals: { readonly starved: number },
): void {
  metrics.gauge('tollcast_ingest_broadcasts', 'Broadcasts that are encrypted here', () => broadcasts.counts.all);
  metrics.gauge('tollcast_ingest_away', 'Broadcasts whose broadcaster is away', () => broadcasts.counts.away);
  metrics.gauge('tollcast_ingest_queued_bytes', 'What broadcasters sent and is not encrypted yet', () => broadcasts.queuedBytes);
  metrics.gauge('tollcast_ingest_connections_limit', 'rtmp.maxConnections of each port: more are closed', () => maxConnections);
  metrics.total('tollcast_encryptor_starved_total', 'Epochs that could not begin for want of a key', () => totals.starved);
}

function measure({ metrics }: Host, servers: readonly RtmpServer[]): void {
  const sum = (read: (server: RtmpServer) => number) => servers.reduce((total, server) => total + read(server), 0);
  metrics.gauge('tollcast_ingest_connections', 'RTMP connections open', () => sum((server) => server.connections));
  metrics.total('tollcast_ingest_bytes_total', 'Bytes received over RTMP', () => sum((server) => server.bytesIn));
  const refused = () => {
    const codes = new Map<string, number>();
    for (const server of servers) for (const [code, count] of server.refused) codes.set(code, (codes.get(code) ?? 0) + count);
    return codes;
  };
  metrics.totals(
    'tollcast_ingest_refused_total',
    'RTMP connections that were closed for a reason',
    'code',
    refused,
    INGEST_REFUSALS,
  );
}
