import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ffmpeg } from './programs.ts';

const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=25,noise=alls=12:allf=t'];
const SOUND = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100'];
const AAC = ['-c:a', 'aac', '-b:a', '96k'];
const CONSTANT_2600K = ['-b:v', '2600k', '-minrate', '2600k', '-maxrate', '2600k', '-bufsize', '2600k'];
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-sc_threshold', '0'];

/** A minute of 720p H.264 at 2.7 Mbit/s with AAC sound, a keyframe every 2 s. */
export const clip = (): string =>
  made('h264-720p-60s', [...PICTURE, ...SOUND, ...H264, ...CONSTANT_2600K, '-g', '50', ...AAC, '-t', '60']);

/** A picture that costs little to carry to many: about 300 kbit/s, a keyframe each second. */
export const lightClip = (): string =>
  made('h264-180p-120s', [
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=320x180:rate=25',
    ...SOUND,
    ...H264,
    '-b:v',
    '200k',
    '-maxrate',
    '200k',
    '-bufsize',
    '200k',
    '-g',
    '25',
    ...AAC,
    '-t',
    '120',
  ]);

/** B-frames, and keyframes 10 s apart: more than any grace time of the tests. */
export const longGroupsClip = (): string =>
  made('h264-360p-gop-10s', [
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=640x360:rate=25',
    ...SOUND,
    ...H264,
    '-bf',
    '2',
    '-g',
    '250',
    ...AAC,
    '-t',
    '40',
  ]);

export const soundClip = (): string => made('aac-40s', [...SOUND, ...AAC, '-t', '40']);

/** Made once a machine. */
function made(name: string, args: readonly string[]): string {
  const folder = join(tmpdir(), 'tollcast-clips');
  const file = join(folder, `${name}.flv`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${file}.${process.pid}.flv`;
  const { status, stderr } = spawnSync(ffmpeg ?? 'ffmpeg', ['-v', 'error', '-y', ...args, '-f', 'flv', unfinished]);
  if (status !== 0) throw new Error(`ffmpeg made no clip: ${stderr}`);
  renameSync(unfinished, file);
  return file;
}

/** ffmpeg as a broadcaster: sends a file in real time. */
export const publish = (file: string, url: string): ChildProcess =>
  spawn(ffmpeg ?? 'ffmpeg', ['-v', 'error', '-re', '-i', file, '-c', 'copy', '-f', 'flv', url], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });

/** The same, over and over. */
export const publishWithoutEnd = (file: string, url: string): ChildProcess =>
  spawn(ffmpeg ?? 'ffmpeg', ['-v', 'error', '-re', '-stream_loop', '-1', '-i', file, '-c', 'copy', '-f', 'flv', url], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });

export const videoPackets = (file: string): string[] => packets(file, 'v');

/** Each packet of a file's picture or sound, by the hash of its bytes, in decoding order. */
export function packets(file: string, stream: 'v' | 'a'): string[] {
  const args = ['-v', 'error', '-i', file, '-map', `0:${stream}`, '-c', 'copy', '-f', 'framemd5', '-'];
  const { stdout } = spawnSync(ffmpeg ?? 'ffmpeg', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');
}

/** What ffmpeg has to say when it decodes a file: nothing, if all is well. */
export function decodingErrors(file: string): string {
  const { stderr, status } = spawnSync(ffmpeg ?? 'ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-'], {
    encoding: 'utf8',
  });
  return status === 0 ? stderr : `${stderr} (exit ${status})`;
}
