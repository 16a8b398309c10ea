import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsBus, NatsBusOptions } from '../../src/bus/nats-bus.ts';
import { TestNats } from './nats-server.ts';
import { busOf, connectionOf, GRANTS } from './roles.ts';

/** One server for the tests of a block, and what each of them opens there, which ends with the test. */
export class SharedNats {
  #server: TestNats | undefined;
  readonly #open: { close(): Promise<void> }[] = [];

  /** To be made inside of the block. */
  constructor() {
    beforeAll(async () => {
      this.#server = await TestNats.start(GRANTS);
    });
    afterEach(async () => {
      await Promise.all(
        this.#open
          .splice(0)
          .reverse()
          .map((opened) => opened.close()),
      );
    });
    afterAll(() => this.#server?.remove());
  }

  get server(): TestNats {
    if (this.#server === undefined) throw new Error('there is no server outside of a test');
    return this.#server;
  }

  /** The bus of a role, with the credential that it was given. */
  async bus(credential: string, options: Partial<NatsBusOptions> = {}): Promise<NatsBus> {
    return this.leave(await busOf(this.server, credential, options));
  }

  /** A connection of who has stolen a credential. */
  async thief(credential: string): Promise<NatsConnection> {
    return this.leave(await connectionOf(this.server, credential));
  }

  /** Has something else end with the test, before what was there earlier. */
  leave<T extends { close(): Promise<void> }>(opened: T): T {
    this.#open.push(opened);
    return opened;
  }
}
