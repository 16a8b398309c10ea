import { expect, test } from '@jest/globals';
import { Amf0Reader } from '../../src/ingest/amf0.ts';
import { amf0, properties } from '../media/tags.ts';

function valuesOf(bytes: Buffer): unknown[] {
  const reader = new Amf0Reader(bytes);
  const values: unknown[] = [];
  while (!reader.isAtEnd) values.push(reader.next());
  return values;
}

const object = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(3), bytes]);
const text = (value: string): Buffer => amf0(value).subarray(1);

test('values are read one after another, an ECMA array among them', () => {
  const bytes = [amf0('connect'), amf0(1), amf0({ app: 'live', inner: { a: null } }), amf0('x'), amf0([1, 'two', true])];
  expect(valuesOf(Buffer.concat(bytes))).toEqual(['connect', 1, { app: 'live', inner: { a: null } }, 'x', [1, 'two', true]]);
});

test.each<[string, Buffer, unknown]>([
  ['an object', object(properties({ app: 'live' })), { app: 'live' }],
  ['an object of a class', Buffer.concat([Buffer.of(16), text('Point'), properties({ x: 1 })]), { x: 1 }],
  ['a date', Buffer.concat([Buffer.of(11), amf0(1.5).subarray(1), Buffer.of(0, 0)]), 1.5],
  ['a long string', Buffer.concat([Buffer.of(12, 0, 0, 0, 2), Buffer.from('ab')]), 'ab'],
  ['an XML document', Buffer.concat([Buffer.of(15, 0, 0, 0, 4), Buffer.from('<a/>')]), '<a/>'],
  ['undefined', Buffer.of(6), undefined],
  ['a reference', object(Buffer.concat([text('self'), Buffer.of(7, 0, 0, 0, 0, 9)])), { self: undefined }],
  ['a property name of 2,304 bytes', object(properties({ ['n'.repeat(2_304)]: 1 })), { ['n'.repeat(2_304)]: 1 }],
])('%s is read to its end', (_, bytes, value) => {
  expect(valuesOf(Buffer.concat([bytes, amf0('next')]))).toEqual([value, 'next']);
});

test('names that JavaScript has a use for are names', () => {
  const [value] = valuesOf(object(Buffer.concat([text('__proto__'), amf0({ app: 'live' }), Buffer.of(0, 0, 9)])));
  expect(Object.keys(value as object)).toEqual(['__proto__']);
  expect((value as { app?: string }).app).toBeUndefined();
});

test.each([
  ['objects nested without an end', Buffer.alloc(16_000, Buffer.of(3, 0, 1, 0x61))],
  ['arrays nested without an end', Buffer.alloc(16_000, Buffer.of(10, 0, 0, 0, 1))],
  ['an array of more elements than there are', Buffer.concat([Buffer.of(10, 255, 255, 255, 255), Buffer.alloc(16_000, 5)])],
  ['a string longer than what is left', Buffer.of(2, 0, 200, 0x61)],
  ['a long string of 4 GB', Buffer.of(12, 255, 255, 255, 255, 0x61)],
  ['an object without an end', object(properties({ app: 'live' })).subarray(0, -1)],
  ['a marker that means nothing', Buffer.of(0x7f)],
  ['half a number', Buffer.of(0, 1, 2)],
])('%s: refused', (_, bytes) => {
  expect(() => valuesOf(bytes)).toThrow(expect.objectContaining({ code: 'rtmp-malformed' }));
});
