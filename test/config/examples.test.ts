import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { z } from 'zod';
import type { Grant } from '../../src/bus/nats-permissions.ts';
import { AuthorityConfig, EdgeConfig, EncryptorConfig, FacilityConfig } from '../../src/config/deployments.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { RelayConfig } from '../../src/config/relay-config.ts';
import { TestNats } from '../bus/nats-server.ts';
import { pathOf } from '../docs/page.ts';
import { freePort } from '../e2e/free-port.ts';
import { natsServer } from '../e2e/programs.ts';
import { Scratch, ServerProcess, tollcast, until } from '../e2e/relay-process.ts';

const SCHEMAS = {
  relay: RelayConfig,
  facility: FacilityConfig,
  authority: AuthorityConfig,
  encryptor: EncryptorConfig,
  edge: EdgeConfig,
} satisfies Record<string, z.ZodType>;
type Example = keyof typeof SCHEMAS;

const textOf = (example: Example): string => readFileSync(pathOf(`config/${example}.yaml`), 'utf8');

/** As tollcast says for whom it listens; the first is who speaks HTTP. */
const LISTENS_FOR: Record<Example, readonly [string, ...string[]]> = {
  relay: ['viewers', 'broadcasters'],
  facility: ['viewers', 'broadcasters'],
  authority: ['viewers'],
  encryptor: ['operators', 'broadcasters'],
  edge: ['viewers'],
};
const HAS_DATA: ReadonlySet<Example> = new Set(['relay', 'facility', 'authority']);

/** The credentials that the examples name. */
const GRANTS: readonly Grant[] = [
  { kind: 'authority' },
  { kind: 'encryptor', name: 'facility', programs: ['news'] },
  { kind: 'encryptor', name: 'studio', programs: ['news'] },
  { kind: 'edge', name: 'e1' },
];

/** Where the examples' files and ports are to be found here. Nothing else of them changes. */
class Place implements AsyncDisposable {
  readonly #scratch = new Scratch();
  readonly #ports: ReadonlyMap<string, number>;
  readonly #nats: TestNats | undefined;
  readonly #processes: ServerProcess[] = [];

  private constructor(ports: ReadonlyMap<string, number>, nats: TestNats | undefined) {
    this.#ports = ports;
    this.#nats = nats;
  }

  static async make(withNats: boolean): Promise<Place> {
    const nats = withNats ? await TestNats.start(GRANTS) : undefined;
    const ports = new Map([['4222', nats?.port ?? 0]]);
    for (const port of ['8080', '8081', '8082', '1935']) ports.set(port, await freePort());
    return new Place(ports, nats);
  }

  adapted(text: string): string {
    const withFiles = text
      .replaceAll('/etc/tollcast/nats', this.#nats?.folder ?? '')
      .replaceAll('/etc/tollcast', this.#scratch.folder);
    return withFiles.replaceAll(/\b\d{4}\b/g, (number) => String(this.#ports.get(number) ?? number));
  }

  /** A program, and the credential that encryptor.yaml names. */
  async setUp(): Promise<void> {
    const data = ['--data', this.#scratch.file('data'), '--json'];
    await tollcast('program', 'add', 'news', '--title', 'News', '--price', '0.60', '--currency', 'EUR', ...data);
    const added = await tollcast('credentials', 'encryptor', 'add', 'studio', '--program', 'news', ...data);
    const { secret } = JSON.parse(added.stdout) as { secret: string };
    writeFileSync(this.#scratch.file('encryptor.secret'), `${secret}\n`, { mode: 0o600 });
  }

  async start(example: Example): Promise<ServerProcess> {
    const command = example === 'relay' ? 'serve' : example;
    const data = HAS_DATA.has(example) ? this.#scratch.file('data') : undefined;
    const config: object = parse(this.adapted(textOf(example)));
    const process = await ServerProcess.start(this.#scratch, command, config, LISTENS_FOR[example], data);
    this.#processes.push(process);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    await this.#nats?.remove();
    this.#scratch[Symbol.dispose]();
  }
}

/** Log lines of level warn or worse. */
const complaints = ({ log }: ServerProcess): string[] =>
  log
    .split('\n')
    .filter(Boolean)
    .filter((line) => (JSON.parse(line) as { level: number }).level >= 40);

const FORMS: readonly { readonly examples: readonly Example[] }[] = [
  { examples: ['relay'] },
  { examples: ['facility', 'edge'] },
  { examples: ['authority', 'encryptor', 'edge'] },
];

describe('the example configurations', () => {
  for (const { examples } of FORMS) {
    const needsNats = examples.length > 1;
    const name = `${examples.join(', ')}: each becomes ready, has nothing to complain of, and ends with 0 when it is told to`;
    (needsNats && natsServer === undefined ? test.skip : test)(name, async () => {
      await using place = await Place.make(needsNats);
      await place.setUp();
      const running = new Map<Example, ServerProcess>();
      for (const example of examples) running.set(example, await place.start(example));
      for (const [example, process] of running) {
        const ready = await fetch(`${process.url(LISTENS_FOR[example][0])}/readyz`);
        expect({ example, status: ready.status }).toEqual({ example, status: 200 });
      }
      const encryptor = running.get('encryptor');
      if (encryptor !== undefined)
        await until(() => encryptor.log.includes('connected to the authority'), 'the encryptor has its authority');
      for (const [example, process] of running) expect({ example, says: complaints(process) }).toEqual({ example, says: [] });
      // What dials ends before what it dials.
      for (const [example, process] of [...running].reverse())
        expect({ example, code: await process.stop() }).toEqual({ example, code: 0 });
    });
  }

  test.each(Object.keys(SCHEMAS) as Example[])('%s.yaml: every setting that is commented out may be set', (example) => {
    using scratch = new Scratch();
    const file = scratch.file(`${example}.yaml`);
    const text = textOf(example);
    const everything = text.replaceAll(/^(\s*)#(?=\w+:)/gm, '$1');
    expect(everything).not.toBe(text);
    writeFileSync(file, everything);
    expect(() => loadConfig<unknown>(SCHEMAS[example], file, {})).not.toThrow();
  });
});
