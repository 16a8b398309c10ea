import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectNats, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { freePort } from './free-port.ts';
import { natsServer } from './programs.ts';
import { isRunning, type Scratch, tollcast, until } from './relay-process.ts';

/** A NATS server with the credentials that `tollcast credentials nats` makes, on a port of its own to which it comes back. */
export class NatsProcess {
  readonly #folder: string;
  readonly port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  static async start(scratch: Scratch, edges: readonly string[]): Promise<NatsProcess> {
    const folder = scratch.file('nats');
    const port = await freePort();
    const named = edges.flatMap((edge) => ['--edge', edge]);
    const roles = ['--authority', '--encryptor', 'studio:*', ...named];
    const made = await tollcast('credentials', 'nats', '--out', folder, '--listen', `127.0.0.1:${port}`, ...roles);
    if (made.code !== 0) throw new Error(`no credentials: ${made.stderr}`);
    const nats = new NatsProcess(folder, port);
    await nats.start();
    return nats;
  }

  async start(): Promise<void> {
    this.#child = spawn(natsServer ?? 'nats-server', ['-c', `${this.#folder}/nats.conf`], { stdio: 'ignore' });
    await until(() => this.#answers(), 'NATS listens');
  }

  /** A connection with a credential of its own, as whoever stole it has one. */
  connect(credential: string): Promise<NatsConnection> {
    const seed = Buffer.from(readFileSync(`${this.#folder}/${credential}.seed`, 'utf8').trim());
    return connectNats({ servers: `nats://127.0.0.1:${this.port}`, authenticator: nkeyAuthenticator(seed) });
  }

  /** As an operator does: takes a credential out of the configuration, and has the server read it. */
  async revoke(credential: string): Promise<void> {
    const revoked = await tollcast('credentials', 'nats', '--out', this.#folder, '--revoke', credential);
    if (revoked.code !== 0) throw new Error(`not revoked: ${revoked.stderr}`);
    this.#child?.kill('SIGHUP');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !isRunning(child)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** The `nats` section of a configuration for these roles. `edge`: which one, for that role; `port`: of what stands before it. */
  configFor(roles: readonly ('authority' | 'encryptor' | 'edge')[], edge?: string, port = this.port): object {
    const credential = { authority: 'authority', encryptor: 'encryptor-studio', edge: `edge-${edge}` };
    const seedFiles = Object.fromEntries(roles.map((role) => [role, `${this.#folder}/${credential[role]}.seed`]));
    return { servers: [`nats://127.0.0.1:${port}`], seedFiles };
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}
