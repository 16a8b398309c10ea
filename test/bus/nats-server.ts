import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type CredentialChanges, changeCredentials } from '../../src/bus/nats-credentials.ts';
import type { Grant } from '../../src/bus/nats-permissions.ts';
import { freePort } from '../e2e/free-port.ts';
import { natsServer } from '../e2e/programs.ts';

/** A real nats-server on the loopback interface, with the configuration that `tollcast credentials nats` writes. */
export class TestNats {
  readonly folder = mkdtempSync(join(tmpdir(), 'tollcast-nats-'));
  readonly port: number;
  #server: { readonly child: ChildProcess; readonly lines: LogLines } | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(grants: readonly Grant[], tls?: CredentialChanges['tls']): Promise<TestNats> {
    const nats = new TestNats(await freePort());
    nats.change({ add: grants, revoke: [], listen: `127.0.0.1:${nats.port}`, tls });
    await nats.run();
    return nats;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  seedFile(credential: string): string {
    return join(this.folder, `${credential}.seed`);
  }

  change(changes: CredentialChanges): void {
    changeCredentials(this.folder, changes);
  }

  /** Its configuration from the next reload on: whoever is known may do anything. */
  letAll(): void {
    const file = join(this.folder, 'nats.conf');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/permissions: \{.*?^ {6}\}/gms, ''));
  }

  /** Resolves once it takes connections. */
  async run(): Promise<void> {
    const child = spawn(natsServer ?? 'nats-server', ['-c', join(this.folder, 'nats.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const lines = new LogLines(child);
    this.#server = { child, lines };
    await lines.next('Server is ready');
  }

  async reload(): Promise<void> {
    const reloaded = this.logs('Reloaded server configuration');
    this.#server?.child.kill('SIGHUP');
    await reloaded;
  }

  /** Waits for the next line with that in it. */
  logs(text: string): Promise<void> {
    if (this.#server === undefined) throw new Error('it does not run');
    return this.#server.lines.next(text);
  }

  async kill(): Promise<void> {
    const child = this.#server?.child;
    this.#server = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** It neither reads nor answers, but its sockets stay open. */
  freeze(): void {
    this.#server?.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#server?.child.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a server logs, to wait for. */
class LogLines {
  readonly #waiting: { readonly text: string; readonly seen: () => void }[] = [];

  constructor(child: ChildProcess) {
    if (child.stderr === null) throw new Error('its log is not piped');
    createInterface({ input: child.stderr }).on('line', (line) => {
      for (const { text, seen } of this.#waiting) if (line.includes(text)) seen();
    });
  }

  next(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ text, seen: resolve });
    return promise;
  }
}
