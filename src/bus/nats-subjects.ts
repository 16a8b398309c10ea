/**
 * The subjects of the bus in NATS, which is what its permissions are given by (nats-permissions.ts). Names stand in them, so that
 * the server, not the message, says whom it is about or from.
 *
 * | subject | from → to | payload |
 * | --- | --- | --- |
 * | `tollcast.chunks.PROGRAM` | encryptor → edges | a sealed chunk: flags byte, SFrame ciphertext |
 * | `tollcast.catchup.PROGRAM.EDGE` | edge asks encryptor | empty; a long answer of chunks, each after its length (32 bits) |
 * | `tollcast.gates.EDGE` | authority → edge | `GateMessage`: a change, or every half second a beat |
 * | `tollcast.snapshot.EDGE` | edge asks authority | empty; a long answer: `GateSnapshot` |
 * | `tollcast.deliveries.EDGE` | edge asks authority | `DeliveryBatch`; a long answer: `DeliveryAck` |
 * | `tollcast.edges.EDGE` | edge → authority | `Announcement` |
 *
 * An empty message without a place for an answer asks nothing: by it a role finds out whether it may publish there.
 *
 * Answers go to an inbox of the edge that asked, `_INBOX_edge_EDGE.…`; long ones in parts (nats-long-answer.ts). Everything but
 * chunks is JSON (nats-messages.ts).
 */
export const subjectOf = {
  chunks: (program: string) => `tollcast.chunks.${token(program)}`,
  catchUp: (program: string, edge: string) => `tollcast.catchup.${token(program)}.${token(edge)}`,
  gates: (edge: string) => `tollcast.gates.${token(edge)}`,
  snapshot: (edge: string) => `tollcast.snapshot.${token(edge)}`,
  deliveries: (edge: string) => `tollcast.deliveries.${token(edge)}`,
  edges: (edge: string) => `tollcast.edges.${token(edge)}`,
};

/** One token of a subject, for any name. */
export const ANY = '*';

/** Every name is such; a wildcard or a dot in it would be another subject. */
export const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** That of an edge may be a label of a host's name too. */
export const EDGE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Where the answers to one edge arrive; no other credential may listen there. */
export const inboxOf = (edge: string): string => `_INBOX_edge_${token(edge)}`;

/**
 * The last token of a subject: the edge that it is about, as far as the server's permissions vouch for it.
 * @throws RangeError for what no edge can be called; a server without permissions lets anything through
 */
export function edgeIn(subject: string): string {
  const name = subject.slice(subject.lastIndexOf('.') + 1);
  if (!EDGE_NAME.test(name)) throw new RangeError('its subject names no edge');
  return name;
}

/**
 * Whether an answer may be sent there. Who asks names where to; without this, an edge's credential could have the authority, which
 * may, write to the gates of another edge.
 * @param edge which edge asked
 */
export const isInbox = (subject: string, edge: string): boolean => subject.startsWith(`${inboxOf(edge)}.`);

/** @throws RangeError for what is no name: a defect of the caller */
function token(name: string): string {
  if (name !== ANY && !NAME.test(name)) throw new RangeError(`"${name}" cannot stand in a subject`);
  return name;
}
