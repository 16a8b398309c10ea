import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pagePolicy } from '../../src/api/security-headers.ts';
import { runningCharge } from '../../src/billing/charge.ts';
import type { LiveViewing } from '../../src/protocol/live-viewing.ts';
import type { ProgramInfo } from '../../src/protocol/messages.ts';

const WEB = fileURLToPath(new URL('../../src/web/', import.meta.url));

/** As src/api serves the pages: whatever the page does must do without inline code and styles. */
const CONTENT_SECURITY_POLICY = pagePolicy([]);

export const TOKEN = 'operator.token.here';

export const program = (name: string, currency = 'EUR', more: Partial<ProgramInfo> = {}): ProgramInfo => ({
  name,
  title: name,
  live: true,
  tariff: { pricePerMinute: '0.60', currency, incrementSeconds: 1 },
  ...more,
});

/** A viewing of a program that has been billable for so long. */
export function viewing(of: ProgramInfo, viewer: string, billableMs: number, more: Partial<LiveViewing> = {}): LiveViewing {
  const { billableSeconds, amount } = runningCharge(billableMs, of.tariff);
  return {
    viewing: `${viewer} of ${of.name}`,
    viewer,
    program: of.name,
    broadcast: `one of ${of.name}`,
    phase: 'started',
    confirmedEpoch: 7,
    connected: true,
    usage: { billableMs, billableSeconds, amount, currency: of.tariff.currency },
    ...more,
  };
}

interface File {
  readonly type: string;
  readonly content: Uint8Array;
}

/** The console as a build would have it. */
export async function builtConsole(): Promise<ReadonlyMap<string, File>> {
  const bundled = await build({
    entryPoints: [`${WEB}console.ts`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const css = 'text/css; charset=utf-8';
  return new Map([
    ['/console', { type: 'text/html; charset=utf-8', content: await readFile(`${WEB}console.html`) }],
    ['/assets/base.css', { type: css, content: await readFile(`${WEB}base.css`) }],
    ['/assets/console.css', { type: css, content: await readFile(`${WEB}console.css`) }],
    ['/assets/favicon.svg', { type: 'image/svg+xml', content: await readFile(`${WEB}favicon.svg`) }],
    [
      '/assets/console.js',
      { type: 'text/javascript; charset=utf-8', content: bundled.outputFiles[0]?.contents ?? new Uint8Array() },
    ],
  ]);
}

/** Serves the console and answers it as src/api/http-api.ts does, with what a test puts into it. */
export class FakeRelay {
  readonly base: string;
  readonly #server: Server;
  programs: readonly ProgramInfo[] = [];
  viewings: readonly LiveViewing[] = [];
  /** Why it is not ready. */
  notReady: string | undefined;
  /** Breaks off every request to the API. */
  down = false;
  /** Answers the API as something else would. */
  garbled = false;
  /** The operator token it takes. */
  token = TOKEN;
  /** The viewings that it was asked to revoke. */
  readonly revoked: string[] = [];
  /** Each address that it was asked for. */
  readonly asked: string[] = [];

  private constructor(server: Server, files: ReadonlyMap<string, File>) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.base = `http://127.0.0.1:${port}`;
    server.on('request', ({ method = '', url = '', headers }, response) => {
      this.asked.push(`${method} ${url}`);
      const file = files.get(url);
      if (file !== undefined) sendFile(response, file);
      else if (this.down) response.destroy();
      else this.#answer(response, method, url, headers.authorization);
    });
  }

  static async start(files: ReadonlyMap<string, File>): Promise<FakeRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeRelay(server, files);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(response: ServerResponse, method: string, url: string, authorization: string | undefined): void {
    if (this.garbled) send(response, 200, { what: 'is this' });
    else if (url === '/v1/programs') send(response, 200, { programs: this.programs });
    else if (url === '/readyz' && this.notReady === undefined) send(response, 200, { status: 'ready' });
    else if (url === '/readyz') send(response, 503, { status: 'not-ready', message: this.notReady });
    else if (authorization !== `Bearer ${this.token}`) send(response, 401, { code: 'unauthorized', message: 'not valid' });
    else if (method === 'GET') send(response, 200, { viewings: this.viewings });
    else {
      this.revoked.push(decodeURIComponent(url.replace('/v1/viewings/', '')));
      response.writeHead(204).end();
    }
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendFile(response: ServerResponse, { type, content }: File): void {
  response.writeHead(200, { 'content-type': type, 'content-security-policy': CONTENT_SECURITY_POLICY }).end(content);
}
