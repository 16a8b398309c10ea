import { createCipheriv, randomBytes } from 'node:crypto';
import { SFrameSealer } from '../src/sframe/node.ts';
import { CHUNK_SUITE } from '../src/sframe/suites.ts';
import { type Benchmark, cpuMicros } from './table.ts';

/** What it costs to seal a chunk, beside the floor: AES-256-GCM of the same bytes with nothing around it. */
export const seal: Benchmark = async ({ smoke }) => {
  const forMs = smoke ? 20 : 2_000;
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const rows = [];
  for (const bytes of [300, 3_000, 30_000]) {
    const plaintext = randomBytes(bytes);
    const sealer = new SFrameSealer(CHUNK_SUITE, 1, key);
    let counter = 0;
    const flags = Uint8Array.of(0);
    const ours = await cpuMicros(forMs, () => sealer.seal(counter++, flags, plaintext, 1));
    const floor = await cpuMicros(forMs, () => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(flags);
      cipher.update(plaintext);
      cipher.final();
      cipher.getAuthTag();
    });
    rows.push([`${bytes} bytes`, ours, floor, ours / floor]);
  }
  return { columns: ['chunk', 'sealed, CPU µs', 'floor, CPU µs', 'ratio'], rows };
};
