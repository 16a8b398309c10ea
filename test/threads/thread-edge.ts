import { Edge, type EdgeOptions } from '../../src/edge/edge.ts';
import type { FromThread, ToThread } from '../../src/threads/messages.ts';
import { type ThreadBus, threadBus } from '../../src/threads/thread-bus.ts';
import type { FakeTime } from '../media/fake-time.ts';

/** An edge as a media thread has it, at its end of the bus. */
export class ThreadEdge {
  readonly edge: Edge;
  readonly #bus: ThreadBus;

  /** @param post what it says to the main thread */
  constructor(time: FakeTime, limits: EdgeOptions['limits'], post: (message: FromThread) => void) {
    this.#bus = threadBus(post);
    const { claim } = this.#bus;
    this.edge = new Edge({ edge: 'thread', clock: time, timers: time, bus: this.#bus, ticketWaitMs: 0, claim, limits });
  }

  /** What the main thread says to it. */
  receive(message: ToThread): void {
    if (message.type !== 'certificate' && message.type !== 'close') this.#bus.receive(message);
  }
}
