import type { Clock, Timers } from '../clock.ts';
import type { GateControl } from './bus.ts';
import { GateReceiver } from './nats-gate-receiver.ts';
import { GateSender } from './nats-gate-sender.ts';
import type { NatsLink } from './nats-link.ts';
import { answer, ask } from './nats-long-answer.ts';
import { GateMessage, GateSnapshot, parseJson, toJson } from './nats-messages.ts';
import { QuestionBudget } from './nats-question-budget.ts';
import { ANY, edgeIn, subjectOf } from './nats-subjects.ts';

/** For the whole answer; what makes an answer go missing makes the edge ask anew by itself. */
const SNAPSHOT_WITHIN_MS = 2_500;
const NOTHING = Buffer.alloc(0);

/** Changes by number, and a snapshot where one is missing (nats-gate-sender.ts, nats-gate-receiver.ts). */
export function natsGates(link: NatsLink, clock: Clock, timers: Timers, inbox: string): GateControl {
  const sender = new GateSender({
    clock,
    timers,
    send: (edge, message) => void link.send(subjectOf.gates(edge), toJson(message)),
  });
  return {
    publish: (edge, change) => sender.publish(edge, change),

    serveSnapshots(changes) {
      const budget = new QuestionBudget(clock);
      const unsubscribe = [
        link.subscribe(subjectOf.edges(ANY), ({ subject }) => sender.heard(edgeIn(subject))),
        link.subscribe(subjectOf.snapshot(ANY), (message) => {
          const edge = edgeIn(message.subject);
          sender.heard(edge);
          budget.take(edge);
          link.counters.snapshots++;
          answer(link, message, toJson(sender.snapshot(edge, changes(edge))), edge);
        }),
      ];
      sender.start();
      return () => {
        sender.close();
        for (const end of unsubscribe) end();
      };
    },

    subscribe(edge, listener) {
      const question = { subject: subjectOf.snapshot(edge), payload: NOTHING, withinMs: SNAPSHOT_WITHIN_MS, inbox };
      const receiver = new GateReceiver({
        timers,
        random: Math.random,
        async ask() {
          link.counters.snapshots++;
          const snapshot = await ask(link, timers, question).catch(() => undefined);
          return snapshot === undefined ? undefined : readSnapshot(link, snapshot);
        },
        change: (change) => listener.change(change),
        snapshot: (changes) => listener.snapshot(changes),
      });
      const stopFollowing = link.subscribe(subjectOf.gates(edge), ({ data }) => receiver.receive(parseJson(GateMessage, data)));
      const stopListening = link.onReconnected(() => receiver.missed());
      receiver.missed();
      return () => {
        receiver.close();
        stopFollowing();
        stopListening();
      };
    },
  };
}

function readSnapshot(link: NatsLink, snapshot: Buffer): GateSnapshot | undefined {
  try {
    return parseJson(GateSnapshot, snapshot);
  } catch {
    link.counters.unreadable++;
    return undefined;
  }
}
