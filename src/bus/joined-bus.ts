import type { Bus, Topic, Unsubscribe } from './bus.ts';

export interface JoinedBusOptions {
  /** The bus of the edge in this process … */
  readonly local: Bus;
  /** … and that edge's name. */
  readonly localEdge: string;
  /** The authority's end of the bus to the edges elsewhere, and the encryptor's. */
  readonly remote: { readonly authority: Bus; readonly encryptor: Bus };
}

/**
 * For an authority and an encryptor that have an edge beside them and further ones elsewhere. Chunks go to all of them, a gate to the
 * edge that it is for. An edge is what its bus says that it is: one elsewhere by the name of the local edge is told nothing and not
 * heard, so that neither can speak for the other. What edges do (`subscribe` to chunks and gates, `catchUp`, `publish` of deliveries
 * and announcements) is done as the local edge. Closing it closes all three.
 */
export function joinedBus({ local, localEdge, remote }: JoinedBusOptions): Bus {
  const isElsewhere = ({ edge }: { readonly edge: string }) => edge !== localEdge;
  return {
    chunks: {
      publish(program, chunk) {
        local.chunks.publish(program, chunk);
        remote.encryptor.chunks.publish(program, chunk);
      },
      subscribe: (program, listener) => local.chunks.subscribe(program, listener),
      serveCatchUp: (program, chunks) =>
        both(local.chunks.serveCatchUp(program, chunks), remote.encryptor.chunks.serveCatchUp(program, chunks)),
      catchUp: (program) => local.chunks.catchUp(program),
    },
    gates: {
      publish(edge, change) {
        const bus = edge === localEdge ? local : remote.authority;
        bus.gates.publish(edge, change);
      },
      serveSnapshots: (changes) =>
        both(
          local.gates.serveSnapshots(changes),
          remote.authority.gates.serveSnapshots((edge) => (edge === localEdge ? [] : changes(edge))),
        ),
      subscribe: (edge, listener) => local.gates.subscribe(edge, listener),
    },
    deliveries: joinedTopic(local.deliveries, remote.authority.deliveries, isElsewhere),
    edges: joinedTopic(local.edges, remote.authority.edges, isElsewhere),
    async close() {
      await Promise.all([local.close(), remote.encryptor.close(), remote.authority.close()]);
    },
  };
}

/** Hears both, of the second only what is wanted; speaks on the first. */
const joinedTopic = <T>(first: Topic<T>, second: Topic<T>, isWanted: (message: T) => boolean): Topic<T> => ({
  publish: (message) => first.publish(message),
  subscribe: (listener) =>
    both(
      first.subscribe(listener),
      second.subscribe((message) => {
        if (isWanted(message)) listener(message);
      }),
    ),
});

const both = (one: Unsubscribe, other: Unsubscribe): Unsubscribe => {
  return () => {
    one();
    other();
  };
};
