/**
 * FLV tags, as far as Tollcast looks into them: audio, video or script; keyframe or not; decoder configuration or picture.
 * Payloads pass through untouched. Source: Adobe Flash Video File Format Specification 10.1, annex E, and Enhanced RTMP v2
 * (Veovera), sections "Enhanced Video" and "Enhanced Audio".
 */

export const AUDIO = 8;
export const VIDEO = 9;
export const SCRIPT = 18;

export type FlvTagType = typeof AUDIO | typeof VIDEO | typeof SCRIPT;

/** One FLV tag: `data` is the tag's body, without the 11 bytes before and the 4 bytes after. */
export interface FlvTag {
  readonly type: FlvTagType;
  /** Decoding time in milliseconds, modulo 2^32, on the one continuous timeline of a broadcast. */
  readonly timestampMs: number;
  readonly data: Buffer;
}

/** What one read of the broadcaster's socket brought, in order. */
export type FlvTags = readonly FlvTag[];

/** The nine-byte FLV header with the four zero bytes after it. */
export function flvHeader(has: { readonly audio: boolean; readonly video: boolean }): Buffer {
  return Buffer.from([0x46, 0x4c, 0x56, 1, (has.audio ? 4 : 0) | (has.video ? 1 : 0), 0, 0, 0, 9, 0, 0, 0, 0]);
}

export const FLV_HEADER_BYTES = 13;

const TAG_OVERHEAD_BYTES = 15;
const MAX_BODY_BYTES = 0xffffff;

/** Size of a tag as it stands in an FLV file: 11 bytes of header, the body, and the size of both in 4 bytes. */
export const encodedTagBytes = (tag: FlvTag): number => tag.data.length + TAG_OVERHEAD_BYTES;

/** Writes a tag as it stands in an FLV file; returns the position after it. The body must be shorter than 16 MiB. */
export function writeTag(out: Buffer, at: number, tag: FlvTag): number {
  const size = tag.data.length;
  if (size > MAX_BODY_BYTES) throw new RangeError(`an FLV tag holds ${MAX_BODY_BYTES} bytes, not ${size}`);
  const timestampMs = tag.timestampMs >>> 0;
  out[at] = tag.type;
  out.writeUIntBE(size, at + 1, 3);
  out.writeUIntBE(timestampMs & 0xffffff, at + 4, 3);
  out[at + 7] = timestampMs >>> 24;
  out.writeUIntBE(0, at + 8, 3);
  tag.data.copy(out, at + 11);
  out.writeUInt32BE(size + 11, at + 11 + size);
  return at + size + TAG_OVERHEAD_BYTES;
}

/** A tag as it stands in an FLV file. */
export function encodeTag(tag: FlvTag): Buffer {
  const out = Buffer.allocUnsafe(encodedTagBytes(tag));
  writeTag(out, 0, tag);
  return out;
}

/** Bit 7 of a video tag's first byte: an Enhanced RTMP header with a FourCC follows. */
const EX_VIDEO_HEADER = 0x80;
/** Sound format 9: an Enhanced RTMP header with a FourCC follows. */
const EX_AUDIO_HEADER = 9;
const AAC = 10;
/** 7 is AVC; 12 is what encoders wrote for HEVC before Enhanced RTMP, laid out as AVC is. */
const AVC_LIKE: readonly number[] = [7, 12];

/** Frame types: bits 4 to 6 of a video tag's first byte. */
const KEY_FRAME = 1;
const COMMAND_FRAME = 5;

/** Packet types. Before Enhanced RTMP there are only configuration (0), coded frames (1) and end of sequence (2). */
const SEQUENCE_START = 0;
const CODED_FRAMES = 1;
const VIDEO_CODED_FRAMES_X = 3;
const VIDEO_METADATA = 4;
const VIDEO_MPEG2TS_SEQUENCE_START = 5;
const VIDEO_MULTITRACK = 6;
const AUDIO_MULTICHANNEL_CONFIG = 4;
const AUDIO_MULTITRACK = 5;
const MOD_EX = 7;
const ONE_TRACK = 0;

/** Whether a video tag begins a group of pictures of the default track that can be decoded on its own (and is a picture). */
export function isKeyframe(tag: FlvTag): boolean {
  const first = tag.data[0];
  if (tag.type !== VIDEO || first === undefined || frameType(first) !== KEY_FRAME) return false;
  if (first & EX_VIDEO_HEADER) {
    const { packetType, track } = exPacket(tag, VIDEO_MULTITRACK);
    // Headers, metadata and the end of a sequence carry this frame type too.
    return (packetType === CODED_FRAMES || packetType === VIDEO_CODED_FRAMES_X) && (track === 0 || track === 'several');
  }
  return !AVC_LIKE.includes(first & 15) || tag.data[1] === CODED_FRAMES;
}

/** Whether a tag carries what a decoder needs before the first frame: an AVC, HEVC, AV1, AAC, Opus … configuration. */
export const isDecoderConfiguration = (tag: FlvTag): boolean => configurationSlot(tag) !== undefined;

/**
 * Names what a decoder configuration configures: a later one with the same name replaces it, one with another name stands beside
 * it (picture and sound, the tracks of a multitrack stream, colour metadata, channel layout). Undefined for any other tag.
 */
export function configurationSlot(tag: FlvTag): string | undefined {
  const [first, second] = tag.data;
  if (first === undefined) return undefined;
  if (tag.type === VIDEO) {
    if (first & EX_VIDEO_HEADER) return exVideoSlot(tag, first);
    const configures = frameType(first) !== COMMAND_FRAME && AVC_LIKE.includes(first & 15) && second === SEQUENCE_START;
    return configures ? 'video 0' : undefined;
  }
  if (tag.type === AUDIO) {
    if (first >> 4 === EX_AUDIO_HEADER) return exAudioSlot(tag);
    return first >> 4 === AAC && second === SEQUENCE_START ? 'audio 0' : undefined;
  }
  return undefined;
}

/** Whether a video tag is a command to the player, with no picture in it. */
export const isVideoCommand = (tag: FlvTag): boolean =>
  tag.type === VIDEO && frameType(tag.data[0] ?? 0) === COMMAND_FRAME && !isDecoderConfiguration(tag);

const frameType = (first: number): number => (first >> 4) & 7;

function exVideoSlot(tag: FlvTag, first: number): string | undefined {
  const { packetType, track } = exPacket(tag, VIDEO_MULTITRACK);
  // Of colour metadata the frame type says nothing; on everything else type 5 is a command without a body.
  if (packetType === VIDEO_METADATA) return `colour ${track}`;
  if (frameType(first) === COMMAND_FRAME) return undefined;
  return packetType === SEQUENCE_START || packetType === VIDEO_MPEG2TS_SEQUENCE_START ? `video ${track}` : undefined;
}

function exAudioSlot(tag: FlvTag): string | undefined {
  const { packetType, track } = exPacket(tag, AUDIO_MULTITRACK);
  if (packetType === AUDIO_MULTICHANNEL_CONFIG) return `channels ${track}`;
  return packetType === SEQUENCE_START ? `audio ${track}` : undefined;
}

interface ExPacket {
  /** Undefined if the tag ends within its header. */
  readonly packetType: number | undefined;
  readonly track: number | 'several';
}

/**
 * The packet type behind Enhanced RTMP's optional prefixes: ModEx blocks (a size, that many bytes plus one, then a type and the
 * next packet type), and the multitrack header, whose low four bits are the packet type of all its tracks. A message of a single
 * track names it after the FourCC; tracks that share a message count as one thing.
 */
function exPacket({ data }: FlvTag, multitrack: number): ExPacket {
  let at = 1;
  let packetType = (data[0] ?? 0) & 15;
  while (packetType === MOD_EX) {
    let size = (data[at++] ?? 0) + 1;
    if (size === 256) {
      size = ((data[at] ?? 0) << 8) + (data[at + 1] ?? 0) + 1;
      at += 2;
    }
    at += size;
    const next = data[at++];
    if (next === undefined) return { packetType: undefined, track: 0 };
    packetType = next & 15;
  }
  if (packetType !== multitrack) return { packetType, track: 0 };
  const next = data[at++];
  if (next === undefined) return { packetType: undefined, track: 0 };
  return { packetType: next & 15, track: next >> 4 === ONE_TRACK ? (data[at + 4] ?? 0) : 'several' };
}

const ON_META_DATA = Buffer.from('\x02\x00\x0aonMetaData', 'latin1');

/** Whether a script tag is the stream's `onMetaData`. */
export const isMetadata = (tag: FlvTag): boolean =>
  tag.type === SCRIPT && tag.data.subarray(0, ON_META_DATA.length).equals(ON_META_DATA);
