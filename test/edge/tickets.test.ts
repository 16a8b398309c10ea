import { beforeEach, expect, test } from '@jest/globals';
import { Tickets } from '../../src/edge/tickets.ts';
import { hashTicket, newTicket } from '../../src/tokens/media-ticket.ts';
import { FakeTime } from '../media/fake-time.ts';

const ticket = newTicket();
const ofTicket = { kind: 'ticket', program: 'news', viewing: 'v1', ticketHash: hashTicket(ticket), expiresInMs: 15_000 } as const;

let time: FakeTime;
let tickets: Tickets;

beforeEach(() => {
  time = new FakeTime();
  tickets = new Tickets(time, time);
});

test('a ticket lets in once, for its program, until it expires', async () => {
  tickets.add(ofTicket);
  expect(await tickets.isGood('sport', ticket, 0)).toBe(false);
  expect(await tickets.isGood('news', ticket, 0)).toBe(true);
  expect(tickets.take('news', ticket)).toBe('v1');
  expect(await tickets.isGood('news', ticket, 0)).toBe(false);
  tickets.add(ofTicket);
  time.advance(15_001);
  expect(await tickets.isGood('news', ticket, 0)).toBe(false);
});

test('one that is not known yet is waited for, as long as it may be on its way', async () => {
  const coming = [tickets.isGood('news', ticket, 1_000), tickets.isGood('news', ticket, 1_000)];
  const never = tickets.isGood('news', newTicket(), 1_000);
  time.advance(600);
  tickets.add(ofTicket);
  expect(await Promise.all(coming)).toEqual([true, true]);
  time.advance(400);
  expect(await never).toBe(false);
});

test('one that nobody comes with is forgotten when it expires, and not before', () => {
  tickets.add(ofTicket);
  time.advance(10_000);
  tickets.add({ ...ofTicket, ticketHash: hashTicket(newTicket()) });
  time.advance(14_999);
  expect(tickets.unused).toBe(1);
  time.advance(1);
  expect(tickets.unused).toBe(0);
});

test('of one that was used or is void nothing is left to do', () => {
  tickets.add(ofTicket);
  tickets.take('news', ticket);
  tickets.add(ofTicket);
  tickets.forget('v1');
  expect(time.waiting).toBe(0);
});

test('10,000 wait at once and no more, though they all come with one ticket', async () => {
  const waiting = Array.from({ length: 10_000 }, () => tickets.isGood('news', ticket, 1_000));
  expect(tickets.awaited).toBe(10_000);
  expect(await tickets.isGood('news', newTicket(), 1_000)).toBe(false);
  expect(await tickets.isGood('news', ticket, 1_000)).toBe(false);
  tickets.add(ofTicket);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([true]));
  expect(tickets.awaited).toBe(0);
  expect(time.waiting).toBe(1);
});
