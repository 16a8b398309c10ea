import type { Logger } from 'pino';
import type { Delivery, ServedSpan } from '../bus/bus.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Credit } from './credit.ts';
import type { ViewingSession } from './viewing-session.ts';

export interface DeliveriesPorts {
  readonly ledger: Ledger;
  readonly log: Logger;
  readonly credit: Credit<ViewingSession>;
  /** One that has not ended. */
  viewing(id: string): ViewingSession | undefined;
}

/** Takes what edges say they delivered: to the ledger, and to the viewings that it is about. */
export class Deliveries {
  readonly #ports: DeliveriesPorts;

  constructor(ports: DeliveriesPorts) {
    this.#ports = ports;
  }

  /** What an edge says of viewings that are over, or of an earlier authority's, is nothing to bill by. */
  take(delivery: Delivery): void {
    if (delivery.kind === 'served') this.#served(delivery);
    else this.#ports.viewing(delivery.viewing)?.link.delivered(delivery);
  }

  #served({ edge, program, epoch, spans }: Extract<Delivery, { kind: 'served' }>): void {
    const { ledger, log, credit } = this.#ports;
    const sessions = new Set(spans.flatMap(([viewing]) => this.#ports.viewing(viewing) ?? []));
    const counted = spans.flatMap((span) => this.#counted(edge, span));
    if (counted.length > 0)
      ledger.append({ kind: 'served', program, epoch, spans: counted.map(([...span]) => span) }).catch((error) => {
        for (const session of sessions) session.entryLost();
        log.error({ err: error }, 'served time was not recorded, and is not billed: see the errors of the ledger before this');
      });
    for (const [viewing, fromMs, toMs] of counted) this.#ports.viewing(viewing)?.served(fromMs, toMs);
    for (const session of sessions) if (credit.isUsedUp(session)) session.dispatch({ type: 'end', reason: 'credit-exhausted' });
  }

  #counted(edge: string, [viewing, fromMs, toMs]: ServedSpan): ServedSpan[] {
    const session = this.#ports.viewing(viewing);
    const reported = session?.link.served(edge, { fromMs, toMs }) ?? [];
    const counted = reported.flatMap((span) => (session && this.#ports.credit.take(session, span)) ?? []);
    return counted.map((span) => [viewing, span.fromMs, span.toMs]);
  }
}
