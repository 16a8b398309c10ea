import { decodeCommand, statusOf } from '../../../src/ingest/rtmp-command.ts';
import { isCommand } from '../../../src/ingest/rtmp-message.ts';
import { RtmpReader } from '../../../src/ingest/rtmp-reader.ts';

const HANDSHAKE_BYTES = 1 + 2 * 1536;
const LIMITS = { maxMessageBytes: 65_536, maxUnfinishedBytes: 65_536, maxCommandBytes: 65_536, maxChunkStreams: 64 };
const PROTOCOL_MESSAGES = [1, 3, 4, 5, 6];

/**
 * The codes of the statuses that a server answered, in order, after its side of the handshake; undefined if it did not get as far.
 *
 * @throws Error if what it answered is not well-formed
 */
export function statusesOf(answer: Buffer): string[] | undefined {
  if (answer.length === 0) return undefined;
  if (answer[0] !== 3 || answer.length < HANDSHAKE_BYTES)
    throw new Error(`a handshake of ${answer.length} bytes, version ${answer[0]}`);
  const reader = new RtmpReader(LIMITS);
  const messages = reader.read(answer.subarray(HANDSHAKE_BYTES));
  const other = messages.find((message) => !isCommand(message) && !PROTOCOL_MESSAGES.includes(message.type));
  if (other) throw new Error(`answered a message of type ${other.type}`);
  if ([...reader.inPackets.values()].some(({ bytes }) => bytes > 0)) throw new Error('answered half a message');
  return messages.filter(isCommand).flatMap((message) => statusOf(decodeCommand(message))?.code ?? []);
}
