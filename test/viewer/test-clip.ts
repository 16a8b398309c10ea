import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Flag } from '../../src/media/chunk.ts';

/** A tag of a clip: a chunk to send at `atMs`. */
export interface ClipTag {
  readonly atMs: number;
  readonly flags: number;
  readonly bytes: Buffer;
}

export interface Clip {
  readonly preamble: Buffer;
  readonly tags: readonly ClipTag[];
}

/** A clip with picture (a keyframe a second) and sound that ffmpeg has made, taken apart. */
export function makeClip(seconds: number, size = '640x360'): Clip {
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-clip-'));
  try {
    const file = join(folder, 'clip.flv');
    const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25:duration=${seconds}`];
    const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
    const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-bf', '0', '-pix_fmt', 'yuv420p'];
    execFileSync('ffmpeg', ['-loglevel', 'error', ...picture, ...sound, ...video, '-c:a', 'aac', '-f', 'flv', file]);
    return takeApart(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const HEADER_BYTES = 13;

function takeApart(flv: Buffer): Clip {
  const opening = [flv.subarray(0, HEADER_BYTES)];
  const tags: ClipTag[] = [];
  for (let at = HEADER_BYTES; at < flv.length; ) {
    const end = at + 15 + flv.readUIntBE(at + 1, 3);
    const bytes = flv.subarray(at, end);
    const isConfiguration = bytes[0] === 18 || bytes[12] === 0;
    const isKeyframe = bytes[0] === 9 && (bytes[11] ?? 0) >> 4 === 1;
    if (isConfiguration) opening.push(bytes);
    else tags.push({ atMs: bytes.readUIntBE(4, 3), flags: isKeyframe ? Flag.keyframe : 0, bytes });
    at = end;
  }
  return { preamble: Buffer.concat(opening), tags };
}
