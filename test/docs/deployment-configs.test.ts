import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { AuthorityConfig, EdgeConfig, EncryptorConfig, FacilityConfig } from '../../src/config/deployments.ts';
import { loadConfig } from '../../src/config/load-config.ts';

test.each([
  ['facility', FacilityConfig],
  ['authority', AuthorityConfig],
  ['encryptor', EncryptorConfig],
  ['edge', EdgeConfig],
] as const)('config/%s.yaml is what its command takes', (name, schema) => {
  const file = fileURLToPath(new URL(`../../config/${name}.yaml`, import.meta.url));
  expect(() => loadConfig<unknown>(schema, file, {})).not.toThrow();
});
