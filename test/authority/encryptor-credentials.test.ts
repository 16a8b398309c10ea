import { expect, test } from '@jest/globals';
import { EncryptorCredentials } from '../../src/authority/encryptor-credentials.ts';
import { newSecret, proveSecret, secretHash } from '../../src/keys/secret-proof.ts';
import type { EncryptorRecord } from '../../src/ledger/ledger.ts';
import { manualClock } from '../ledger/support.ts';

test('a proof that is wrong has the ledger read once a second at most; one that is right never', () => {
  const clock = manualClock('authority');
  const secret = newSecret();
  const records: EncryptorRecord[] = [{ name: 'studio', programs: ['news'], secretHash: secretHash(secret) }];
  let reads = 0;
  const credentials = new EncryptorCredentials(() => {
    reads += 1;
    return records;
  }, clock);
  const right = () => credentials.proven('studio', 'statement', proveSecret(secret, 'statement'))?.name;
  const wrong = () => credentials.proven('studio', 'statement', proveSecret(newSecret(), 'statement'));
  expect([right(), right(), reads]).toEqual(['studio', 'studio', 1]);
  for (let guess = 0; guess < 100; guess++) expect(wrong()).toBeUndefined();
  expect([right(), reads]).toEqual(['studio', 2]);

  const another = newSecret();
  records.push({ name: 'other', programs: ['news'], secretHash: secretHash(another) });
  const other = () => credentials.proven('other', 'statement', proveSecret(another, 'statement'))?.name;
  expect(other()).toBeUndefined();
  clock.setMs(1_000);
  expect([other(), reads]).toEqual(['other', 3]);
});
