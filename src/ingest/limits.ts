/** What a stranger, and a broadcaster, may take of the relay's memory and time. All are enforced before anything is allocated. */
export interface IngestLimits {
  /** Connections at once; further ones are closed as they come. */
  readonly maxConnections: number;
  /** Connections at once from one IPv4 address or one IPv6 /64. */
  readonly maxConnectionsPerAddress: number;
  /** From accept (over TLS, its handshake included) to an authorized publish. */
  readonly handshakeTimeoutMs: number;
  /** Without a byte from a publisher that may send. */
  readonly idleTimeoutMs: number;
  /** Received on a connection before an authorized publish; no message may announce more, nor all unfinished ones together. */
  readonly maxUnauthorizedBytes: number;
  /** One message of a publisher: at high bit rates a keyframe takes 1 MiB. */
  readonly maxMessageBytes: number;
  /** What the unfinished messages of a publisher announce, together. Twice `maxMessageBytes` unless it is set. */
  readonly maxUnfinishedBytes: number;
  /** One AMF command, which is decoded as a whole. */
  readonly maxCommandBytes: number;
  /** Encoders use four or five. */
  readonly maxChunkStreams: number;
  /** Answers that the other side does not read. */
  readonly maxUnsentBytes: number;
  /** How long a connection that was told why it is closed has for reading that. */
  readonly lingerMs: number;
}

const DEFAULTS: Omit<IngestLimits, 'maxUnfinishedBytes'> = {
  maxConnections: 256,
  maxConnectionsPerAddress: 16,
  handshakeTimeoutMs: 5_000,
  idleTimeoutMs: 10_000,
  maxUnauthorizedBytes: 64 * 1024,
  maxMessageBytes: 4 * 1024 * 1024,
  maxCommandBytes: 16 * 1024,
  maxChunkStreams: 64,
  maxUnsentBytes: 64 * 1024,
  lingerMs: 1_000,
};

/** All limits, from those that are set. */
export function ingestLimits(set: Partial<IngestLimits> = {}): IngestLimits {
  const { maxMessageBytes = DEFAULTS.maxMessageBytes } = set;
  return { ...DEFAULTS, maxUnfinishedBytes: 2 * maxMessageBytes, ...set };
}
