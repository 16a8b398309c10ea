import { Marker } from './amf0-marker.ts';
import type { FlvTag } from './flv.ts';

/**
 * What an `onMetaData` tag says about the tracks to come. Reads AMF0 (Adobe, "AMF 0 Specification", section 2) only as far as that
 * takes, and gives what was found before the first thing that makes no sense: an encoder's metadata ends no broadcast.
 */
export interface DeclaredTracks {
  readonly audio: boolean;
  readonly video: boolean;
}

/** After the string "onMetaData" with its marker and length. */
const VALUE_AT = 13;
/** Nesting that no encoder reaches; deeper is refused, so that a crafted tag cannot exhaust the stack. */
const MAX_DEPTH = 8;

/** `tag`: one that `isMetadata` said yes to. */
export function declaredTracks({ data }: FlvTag): DeclaredTracks {
  const found: { hasAudio?: boolean; hasVideo?: boolean; audioCodec?: boolean; videoCodec?: boolean } = {};
  readProperties(data, VALUE_AT, 0, (name, at) => {
    if (name === 'hasAudio' && data[at] === Marker.boolean) found.hasAudio = data[at + 1] !== 0;
    if (name === 'hasVideo' && data[at] === Marker.boolean) found.hasVideo = data[at + 1] !== 0;
    // Numbers, or FourCCs and names as strings. Audio codec 0 is PCM, video codec 0 is none.
    if (name === 'audiocodecid') found.audioCodec = isNumberFrom(data, at, 0) || isNonEmptyString(data, at);
    if (name === 'videocodecid') found.videoCodec = isNumberFrom(data, at, 1) || isNonEmptyString(data, at);
  });
  return { audio: found.hasAudio ?? found.audioCodec ?? false, video: found.hasVideo ?? found.videoCodec ?? false };
}

const isNumberFrom = (data: Buffer, at: number, least: number): boolean =>
  data[at] === Marker.number && at + 9 <= data.length && data.readDoubleBE(at + 1) >= least;

const isNonEmptyString = (data: Buffer, at: number): boolean =>
  data[at] === Marker.string && at + 3 <= data.length && data.readUInt16BE(at + 1) > 0;

type OnProperty = (name: string, valueAt: number) => void;

/** The properties of the object or ECMA array that starts at `at`; the position after it, or undefined if it is malformed. */
function readProperties(data: Buffer, at: number, depth: number, onProperty?: OnProperty): number | undefined {
  const marker = data[at];
  if (depth > MAX_DEPTH || (marker !== Marker.object && marker !== Marker.ecmaArray)) return undefined;
  let next: number | undefined = at + (marker === Marker.ecmaArray ? 5 : 1);
  while (next !== undefined && next + 3 <= data.length) {
    const valueAt: number = next + 2 + data.readUInt16BE(next);
    if (valueAt === next + 2 && data[valueAt] === Marker.objectEnd) return valueAt + 1;
    onProperty?.(data.toString('latin1', next + 2, valueAt), valueAt);
    next = skipValue(data, valueAt, depth + 1);
  }
  return undefined;
}

/** The position after the value at `at`, or undefined if it is malformed. Every value takes a byte at least, so this ends. */
function skipValue(data: Buffer, at: number, depth: number): number | undefined {
  const length = (bytes: 2 | 4): number | undefined =>
    at + 1 + bytes <= data.length ? at + 1 + bytes + data.readUIntBE(at + 1, bytes) : undefined;
  switch (data[at]) {
    case Marker.number:
      return at + 9;
    case Marker.boolean:
      return at + 2;
    case Marker.string:
      return length(2);
    case Marker.longString:
    case Marker.xmlDocument:
      return length(4);
    case Marker.null:
    case Marker.undefined:
    case Marker.unsupported:
      return at + 1;
    case Marker.reference:
      return at + 3;
    case Marker.date:
      return at + 11;
    case Marker.object:
    case Marker.ecmaArray:
      return readProperties(data, at, depth);
    case Marker.strictArray:
      return skipStrictArray(data, at, depth);
    default:
      return undefined;
  }
}

function skipStrictArray(data: Buffer, at: number, depth: number): number | undefined {
  if (depth > MAX_DEPTH || at + 5 > data.length) return undefined;
  let next: number | undefined = at + 5;
  for (let left = data.readUInt32BE(at + 1); left > 0 && next !== undefined; left--) next = skipValue(data, next, depth + 1);
  return next;
}
