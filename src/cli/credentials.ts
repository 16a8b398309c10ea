import type { Command } from 'commander';
import { addEncryptorCredentials } from './credentials-encryptor.ts';
import { addNatsCredentials } from './credentials-nats.ts';

/** `tollcast credentials …`: what lets the roles of a deployment that is spread over hosts trust each other. */
export function addCredentials(parent: Command): void {
  const group = parent.command('credentials').description('credentials of encryptors and edges on other hosts');
  addEncryptorCredentials(group);
  addNatsCredentials(group);
}
