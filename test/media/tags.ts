import { AUDIO, FLV_HEADER_BYTES, type FlvTag, type FlvTagType, SCRIPT, VIDEO } from '../../src/media/flv.ts';

/** Tags as encoders write them, with bodies as short as their kind allows. */
const tag = (type: FlvTagType, timestampMs: number, ...body: (number | string)[]): FlvTag => ({
  type,
  timestampMs,
  data: Buffer.concat(body.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : Buffer.from(part, 'latin1')))),
});

export const audio = (timestampMs: number, ...body: (number | string)[]): FlvTag => tag(AUDIO, timestampMs, ...body);
export const video = (timestampMs: number, ...body: (number | string)[]): FlvTag => tag(VIDEO, timestampMs, ...body);
export const script = (timestampMs: number, ...body: (number | string)[]): FlvTag => tag(SCRIPT, timestampMs, ...body);

export const avcConfiguration = (atMs: number, body = 'avcC'): FlvTag => video(atMs, 0x17, 0, 0, 0, 0, body);
export const keyframe = (atMs: number, body = 'key'): FlvTag => video(atMs, 0x17, 1, 0, 0, 0, body);
export const interframe = (atMs: number, body = 'inter'): FlvTag => video(atMs, 0x27, 1, 0, 0, 0, body);
export const aacConfiguration = (atMs: number, body = 'asc'): FlvTag => audio(atMs, 0xaf, 0, body);
export const sound = (atMs: number, body = 'sound'): FlvTag => audio(atMs, 0xaf, 1, body);

type Amf0 = number | boolean | string | null | { [name: string]: Amf0 } | Amf0[];

/** AMF0, as `onMetaData` carries it. */
export function amf0(value: Amf0): Buffer {
  const sized = (bytes: 2 | 4, marker: number, length: number) => {
    const out = Buffer.alloc(1 + bytes);
    out[0] = marker;
    out.writeUIntBE(length, 1, bytes);
    return out;
  };
  if (value === null) return Buffer.of(5);
  if (typeof value === 'boolean') return Buffer.of(1, value ? 1 : 0);
  if (typeof value === 'string') return Buffer.concat([sized(2, 2, value.length), Buffer.from(value, 'latin1')]);
  if (typeof value === 'number') {
    const out = Buffer.alloc(9);
    out.writeDoubleBE(value, 1);
    return out;
  }
  if (Array.isArray(value)) return Buffer.concat([sized(4, 10, value.length), ...value.map(amf0)]);
  return Buffer.concat([sized(4, 8, Object.keys(value).length), properties(value)]);
}

/** Property names are strings without a marker; an empty one and the marker 9 end the list. */
export const properties = (value: { [name: string]: Amf0 }): Buffer =>
  Buffer.concat([...Object.entries(value).flatMap(([name, each]) => [amf0(name).subarray(1), amf0(each)]), Buffer.of(0, 0, 9)]);

export const metadata = (atMs: number, value: { [name: string]: Amf0 } = { videocodecid: 7, audiocodecid: 10 }): FlvTag => ({
  type: SCRIPT,
  timestampMs: atMs,
  data: Buffer.concat([amf0('onMetaData'), amf0(value)]),
});

/** The tags of FLV bytes without a header; throws if they are not whole tags. */
export function parseTags(bytes: Buffer): FlvTag[] {
  const tags: FlvTag[] = [];
  for (let at = 0; at < bytes.length; ) {
    const type = bytes.readUInt8(at);
    if (type !== AUDIO && type !== VIDEO && type !== SCRIPT) throw new Error(`tag type ${type}`);
    const size = bytes.readUIntBE(at + 1, 3);
    const timestampMs = ((bytes.readUInt8(at + 7) << 24) | bytes.readUIntBE(at + 4, 3)) >>> 0;
    if (bytes.readUInt32BE(at + 11 + size) !== size + 11) throw new Error('previous tag size');
    tags.push({ type, timestampMs, data: Buffer.from(bytes.subarray(at + 11, at + 11 + size)) });
    at += size + 15;
  }
  return tags;
}

export function parsePreamble(bytes: Buffer): { audio: boolean; video: boolean; tags: FlvTag[] } {
  const header = bytes.subarray(0, FLV_HEADER_BYTES).toString('hex');
  if (!/^464c56010[0145]0000000900000000$/.test(header)) throw new Error(`FLV header ${header}`);
  const flags = bytes.readUInt8(4);
  return { audio: (flags & 4) !== 0, video: (flags & 1) !== 0, tags: parseTags(bytes.subarray(FLV_HEADER_BYTES)) };
}
