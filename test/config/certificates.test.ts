import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { Certificates } from '../../src/config/certificates.ts';
import { selfSigned } from '../e2e/self-signed.ts';
import { codeOf, newFolder } from '../ledger/support.ts';

function reading() {
  const folder = newFolder();
  const files = { certFile: `${folder}/cert.pem`, keyFile: `${folder}/key.pem` };
  const signals = new EventEmitter();
  let look: () => void = () => undefined;
  const timers = {
    after: (_: number, run: () => void) => {
      look = run;
      return () => undefined;
    },
  };
  const put = (part: { cert?: string; key?: string }) => {
    if (part.cert !== undefined) writeFileSync(files.certFile, part.cert);
    if (part.key !== undefined) writeFileSync(files.keyFile, part.key);
  };
  const logged: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => logged.push(line) });
  return { files, signals, put, logged, look: () => look(), open: () => new Certificates(files, { log, timers, signals }) };
}

test('certificates are read again at SIGHUP at once, and no more once they are closed', () => {
  const { put, open, signals } = reading();
  put(selfSigned('first'));
  const certificates = open();
  const shown: string[] = [];
  certificates.follow({ setSecureContext: ({ cert }) => void shown.push(String(cert)) });
  const second = selfSigned('second');
  put(second);
  signals.emit('SIGHUP');
  expect(shown).toEqual([second.cert]);
  expect(String(certificates.key)).toBe(second.key);
  certificates.close();
  expect(signals.listenerCount('SIGHUP')).toBe(0);
});

test('a certificate whose key is yet to be written is not complained of, unless that takes long', () => {
  const { put, open, look, logged } = reading();
  put(selfSigned('first'));
  const certificates = open();
  const second = selfSigned('second');
  look();
  put({ cert: second.cert });
  look();
  put({ key: second.key });
  look();
  look();
  expect(String(certificates.cert)).toBe(second.cert);
  expect(logged).toEqual([]);
  put({ cert: selfSigned('third').cert });
  for (let looks = 0; looks < 5; looks++) look();
  expect(logged).toHaveLength(1);
  expect(String(certificates.cert)).toBe(second.cert);
});

test('files that are missing or no pair are refused from the start', () => {
  const { put, open } = reading();
  expect(codeOf(open)).toBe('config-invalid');
  put({ cert: selfSigned('first').cert, key: selfSigned('second').key });
  expect(codeOf(open)).toBe('config-invalid');
  put({ cert: 'nothing', key: selfSigned('second').key });
  expect(codeOf(open)).toBe('config-invalid');
});
