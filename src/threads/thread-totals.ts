import { NO_FIGURES, type ThreadFigures } from './messages.ts';

/** Figures of all threads together: what only grows does so although one of them dies. */
export class ThreadTotals {
  #gone: ThreadFigures = NO_FIGURES;

  /** Those of a thread that is dead. What it had open is not. */
  add({ sentBytes, droppedChunks, refusedTickets, refused }: ThreadFigures): void {
    this.#gone = together([this.#gone, { ...NO_FIGURES, sentBytes, droppedChunks, refusedTickets, refused }]);
  }

  with(alive: readonly ThreadFigures[]): ThreadFigures {
    return together([this.#gone, ...alive]);
  }
}

function together(all: readonly ThreadFigures[]): ThreadFigures {
  const sum = (of: (figures: ThreadFigures) => number) => all.reduce((total, figures) => total + of(figures), 0);
  const refused = new Map<string, number>();
  for (const figures of all)
    for (const [reason, count] of figures.refused) refused.set(reason, (refused.get(reason) ?? 0) + count);
  return {
    sentBytes: sum(({ sentBytes }) => sentBytes),
    droppedChunks: sum(({ droppedChunks }) => droppedChunks),
    refusedTickets: sum(({ refusedTickets }) => refusedTickets),
    batchMs: Math.max(...all.map(({ batchMs }) => batchMs)),
    backlog: {
      socketBytes: sum(({ backlog }) => backlog.socketBytes),
      behind: sum(({ backlog }) => backlog.behind),
      waitingChunks: sum(({ backlog }) => backlog.waitingChunks),
    },
    sockets: sum(({ sockets }) => sockets),
    connections: sum(({ connections }) => connections),
    refused,
  };
}
