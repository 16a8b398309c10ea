import { randomBytes } from 'node:crypto';
import { malformed } from './rtmp-reader.ts';

const VERSION = 3;
const PART_BYTES = 1536;
const UNTIL_S1 = 1 + PART_BYTES;
const UNTIL_S2 = UNTIL_S1 + PART_BYTES;

/** The client's side of RTMP's handshake (RTMP 1.0, section 5.2): C0 and C1 out; S0, S1 and S2 in; a copy of S1 out as C2. */
export class ClientHandshake {
  /** C0 and C1: the version; a time and four zeros; random bytes. */
  readonly hello: Buffer = Buffer.concat([Buffer.of(VERSION), Buffer.alloc(8), randomBytes(PART_BYTES - 8)]);
  #received: Buffer = Buffer.alloc(0);
  #answered = false;

  /**
   * Takes what the server sent.
   *
   * @returns `answer` once, to be sent; `rest` when the handshake is over: what came after it, maybe empty
   * @throws TollcastError `rtmp-malformed`
   */
  receive(bytes: Buffer): { readonly answer?: Buffer; readonly rest?: Buffer } {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (this.#received.length > 0 && this.#received[0] !== VERSION) throw malformed('does not speak RTMP');
    const answer = this.#takeAnswer();
    return {
      ...(answer && { answer }),
      ...(this.#received.length >= UNTIL_S2 && { rest: this.#received.subarray(UNTIL_S2) }),
    };
  }

  #takeAnswer(): Buffer | undefined {
    if (this.#answered || this.#received.length < UNTIL_S1) return undefined;
    this.#answered = true;
    return Buffer.from(this.#received.subarray(1, UNTIL_S1));
  }
}
