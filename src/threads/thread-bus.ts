import type { Bus, ChunkStream, GateControl, Unsubscribe } from '../bus/bus.ts';
import { unreachable } from '../errors.ts';
import type { SealedChunk } from '../media/chunk.ts';
import type { FromThread, ToThread } from './messages.ts';
import { received } from './shared-chunk.ts';

type ToBus = Extract<ToThread, { type: 'gate' | 'snapshot' | 'chunk' | 'lost' | 'caught-up' | 'claimed' }>;

/** A media thread's end of the bus, over its port to the main thread. What a port carries comes in order, and none is lost. */
export interface ThreadBus extends Bus {
  receive(message: ToBus): void;
  /** Asks for the viewing of a ticket. What is open for it has been told before the answer. */
  claim(program: string, ticket: string): Promise<boolean>;
}

export function threadBus(post: (message: FromThread) => void): ThreadBus {
  const programs = new Map<string, Parameters<ChunkStream['subscribe']>[1]>();
  /** Questions that are answered in their order. */
  const asked = new Map<string, ((chunks: readonly SealedChunk[]) => void)[]>();
  const claims = new Map<number, (granted: boolean) => void>();
  let claimed = 0;
  let gates: Parameters<GateControl['subscribe']>[1] | undefined;
  return {
    chunks: {
      publish: nothingOfTheKind,
      serveCatchUp: nothingOfTheKind,
      subscribe(program, listener) {
        programs.set(program, listener);
        post({ type: 'follow', program });
        return () => {
          if (programs.get(program) !== listener) return;
          programs.delete(program);
          post({ type: 'unfollow', program });
        };
      },
      catchUp(program) {
        const { promise, resolve } = Promise.withResolvers<readonly SealedChunk[]>();
        asked.set(program, [...(asked.get(program) ?? []), resolve]);
        post({ type: 'catch-up', program });
        return promise;
      },
    },
    gates: {
      publish: nothingOfTheKind,
      serveSnapshots: nothingOfTheKind,
      subscribe(_, listener) {
        gates = listener;
        return () => {
          gates = undefined;
        };
      },
    },
    deliveries: { publish: (delivery) => post({ type: 'delivery', delivery }), subscribe: nothingOfTheKind },
    // The main thread announces all threads as one edge.
    edges: { publish: () => undefined, subscribe: nothingOfTheKind },
    close: async () => undefined,

    receive(message) {
      switch (message.type) {
        case 'gate':
          gates?.change(message.change);
          return;
        case 'snapshot':
          gates?.snapshot(message.changes);
          return;
        case 'chunk':
          programs.get(message.program)?.chunk(received(message.chunk));
          return;
        case 'lost':
          programs.get(message.program)?.lost();
          return;
        case 'caught-up': {
          const [first, ...others] = asked.get(message.program) ?? [];
          if (others.length === 0) asked.delete(message.program);
          else asked.set(message.program, others);
          first?.(message.chunks.map(received));
          return;
        }
        case 'claimed':
          claims.get(message.claim)?.(message.granted);
          claims.delete(message.claim);
          return;
        default:
          unreachable(message);
      }
    },

    claim(program, ticket) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const claim = ++claimed;
      claims.set(claim, resolve);
      post({ type: 'claim', claim, program, ticket });
      return promise;
    },
  };
}

/** What other roles do on a bus. */
const nothingOfTheKind = (): Unsubscribe => {
  throw new Error('a media thread is an edge and nothing else');
};
