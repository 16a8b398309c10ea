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
  const clock = { wallMs: Date.now() };
  const open = (level = 'error') => {
    const log = pino({ level, base: null, timestamp: false }, { write: (line: string) => logged.push(line) });
    return new Certificates(files, { log, timers, signals, wallNowMs: () => clock.wallMs });
  };
  return { files, signals, put, logged, clock, look: () => look(), open };
}

const DAY_MS = 86_400_000;

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

test('one that runs out within 14 days, and that has, is told of at once and once a day, until another is shown', () => {
  const { files, put, open, look, logged, clock, signals } = reading();
  put(selfSigned('first', { toMs: 15 * DAY_MS }));
  const certificates = open('warn');
  const told = () => logged.splice(0).map((line) => JSON.parse(line) as { level: number; certFile: string; msg: string });
  look();
  expect(told()).toEqual([]);
  expect(certificates.expiryMs).toBeGreaterThan(clock.wallMs + 14.9 * DAY_MS);
  clock.wallMs += 2 * DAY_MS;
  for (let looks = 0; looks < 5; looks++) look();
  const soon = { level: 40, certFile: files.certFile, msg: expect.stringContaining('runs out soon') };
  expect(told()).toMatchObject([soon]);
  clock.wallMs += DAY_MS - 1_000;
  look();
  expect(told()).toEqual([]);
  clock.wallMs += 1_000;
  look();
  expect(told()).toMatchObject([soon]);
  clock.wallMs += 12.5 * DAY_MS;
  look();
  look();
  expect(told()).toMatchObject([{ level: 40, msg: expect.stringContaining('has run out') }]);
  put(selfSigned('second', { toMs: 90 * DAY_MS }));
  signals.emit('SIGHUP');
  look();
  expect(told()).toEqual([]);
  expect(certificates.expiryMs).toBeGreaterThan(clock.wallMs);
});

test('one that is over or not yet valid is told of at the start and when it is read again', () => {
  const { put, open, logged, signals } = reading();
  put(selfSigned('over', { fromMs: -2 * DAY_MS, toMs: -DAY_MS }));
  open('warn');
  put(selfSigned('early', { fromMs: DAY_MS, toMs: 2 * DAY_MS }));
  signals.emit('SIGHUP');
  expect(logged).toEqual([expect.stringContaining('has run out'), expect.stringContaining('is not valid yet')]);
});
