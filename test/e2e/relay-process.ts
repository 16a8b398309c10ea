import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';

const TOLLCAST = fileURLToPath(new URL('../../bin/tollcast.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line to its end. */
export async function tollcast(...args: string[]): Promise<Finished> {
  return finished(startTollcast(...args));
}

export const startTollcast = (...args: string[]): ChildProcess => startTollcastWith({}, ...args);

/** @param env besides the test's own */
export const startTollcastWith = (env: Readonly<Record<string, string>>, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [TOLLCAST, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });

export async function finished(child: ChildProcess): Promise<Finished> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

/** A folder of its own for each use, gone when it is disposed of. */
export class Scratch implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tollcast-'));

  file(name: string): string {
    return join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A server of ours as a process of its own, on free ports of the loopback interface unless its configuration says otherwise. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #urls: ReadonlyMap<string, string>;
  #log = '';

  private constructor(child: ChildProcess, urls: ReadonlyMap<string, string>) {
    this.#child = child;
    this.#urls = urls;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
  }

  /** Starts `tollcast COMMAND --config …` and waits until it has said where it listens for each of `forWhom`. */
  static async start(
    scratch: Scratch,
    command: string,
    config: object,
    forWhom: readonly string[],
    data?: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const configFile = scratch.file(`${command}-${Math.random()}.yaml`);
    // YAML is a superset of JSON.
    writeFileSync(configFile, JSON.stringify(config));
    const child = startTollcastWith(env, command, '--config', configFile, ...(data === undefined ? [] : ['--data', data]));
    const urls = new Map<string, string>();
    if (child.stdout === null) throw new Error('no standard output');
    for await (const line of createInterface({ input: child.stdout })) {
      const [, whom, url] = /^\s+for (\w+)\s+(\S+)/.exec(line) ?? [];
      if (whom !== undefined && url !== undefined) urls.set(whom, url);
      if (forWhom.every((each) => urls.has(each))) return new ServerProcess(child, urls);
    }
    const { stderr } = await finished(child);
    throw new Error(`${command} did not start: ${stderr}`);
  }

  url(forWhom: string): string {
    return this.#urls.get(forWhom) ?? '';
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it logged so far. */
  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return isRunning(this.#child);
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }

  /** Ends it as an operator does; gives its exit code. */
  async stop(): Promise<number | null> {
    if (!this.isRunning) return this.#child.exitCode;
    this.#child.kill('SIGTERM');
    const [code] = await once(this.#child, 'exit');
    return code;
  }
}

/** @param more a price, at least @returns the stream key */
export async function addProgram(data: string, name: string, ...more: string[]): Promise<string> {
  const { stdout } = await tollcast(
    'program',
    'add',
    name,
    '--title',
    name,
    '--currency',
    'EUR',
    ...more,
    '--data',
    data,
    '--json',
  );
  return (JSON.parse(stdout) as { streamKey: string }).streamKey;
}

/** As the command line signs it, without a process for each. */
export const signedToken = (data: string, program: string, viewer: string, ttlSeconds = 3_600): Promise<string> =>
  signViewerToken({ viewer, programs: [program], ttlSeconds }, openDataFolder(data).tokenSecret);

export const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** Where programs are sold, and what its operator does on the command line. */
export class Operated {
  readonly data: string;
  readonly httpUrl: string;
  readonly rtmpUrl: string;

  constructor(data: string, httpUrl: string, rtmpUrl: string) {
    this.data = data;
    this.httpUrl = httpUrl;
    this.rtmpUrl = rtmpUrl;
  }

  async addProgram(name: string, price = '0.60'): Promise<{ publishUrl: string; streamKey: string }> {
    const streamKey = await addProgram(this.data, name, '--price', price);
    return { streamKey, publishUrl: `${this.rtmpUrl}/${name}?key=${streamKey}` };
  }

  async viewerToken(program: string, viewer: string, ...more: string[]): Promise<string> {
    return (
      await tollcast('token', 'viewer', '--program', program, '--viewer', viewer, '--data', this.data, ...more)
    ).stdout.trim();
  }

  async charges(): Promise<Charge[]> {
    const { stdout } = await tollcast('bills', 'export', '--format', 'ndjson', '--data', this.data);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line): Charge => JSON.parse(line));
  }

  async isLive(): Promise<boolean> {
    const response = await fetch(`${this.httpUrl}/v1/programs`);
    const { programs } = (await response.json()) as { programs: { live: boolean }[] };
    return programs.some((program) => program.live);
  }
}

/** `tollcast serve`. */
export class RelayProcess extends Operated {
  readonly #server: ServerProcess;

  private constructor(server: ServerProcess, data: string) {
    super(data, server.url('viewers'), server.url('broadcasters'));
    this.#server = server;
  }

  /** @param env of the process, besides the test's own */
  static async start(scratch: Scratch, config: object = {}, env: Readonly<Record<string, string>> = {}): Promise<RelayProcess> {
    const data = scratch.file('data');
    const ports = { http: { port: 0 }, rtmp: { port: 0 } };
    return new RelayProcess(
      await ServerProcess.start(scratch, 'serve', { ...ports, ...config }, ['viewers', 'broadcasters'], data, env),
      data,
    );
  }

  get log(): string {
    return this.#server.log;
  }

  get pid(): number {
    return this.#server.pid;
  }

  get isRunning(): boolean {
    return this.#server.isRunning;
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  stop(): Promise<number | null> {
    return this.#server.stop();
  }
}

/** A line of `bills export --format ndjson`, as far as the tests look at it. */
export interface Charge {
  readonly viewer: string;
  readonly program: string;
  readonly endedBy: string;
  readonly billableSeconds: number;
  readonly amount: string;
  readonly viewings: readonly {
    readonly endedBy: string;
    readonly billableMs: number;
    readonly startedAt: string;
    readonly endedAt: string;
  }[];
}

/** Waits until something holds, looking again as often as the event loop allows without hogging it. */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  withinMs = 20_000,
): Promise<T> {
  for (const fromMs = Date.now(); Date.now() - fromMs < withinMs; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not within ${withinMs} ms`);
}
