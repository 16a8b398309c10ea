import type { SealedChunk } from '../media/chunk.ts';
import type { Bus, ChunkStream, GateChange, GateControl, Topic, Unsubscribe } from './bus.ts';

/** Roles of one process: a message is delivered before `publish` returns, and none is ever lost. */
export const localBus = (): Bus => ({
  chunks: localChunks(),
  gates: localGates(),
  deliveries: localTopic(),
  edges: localTopic(),
  close: async () => undefined,
});

function localTopic<T>(): Topic<T> {
  const listeners = new Set<(message: T) => void>();
  return {
    publish(message) {
      for (const listener of listeners) listener(message);
    },
    subscribe: (listener) => joined(listeners, listener),
  };
}

function localChunks(): ChunkStream {
  const programs = new Map<string, Topic<SealedChunk>>();
  const catchUps = new Map<string, () => readonly SealedChunk[]>();
  const topic = (program: string) => {
    const known = programs.get(program) ?? localTopic();
    programs.set(program, known);
    return known;
  };
  return {
    publish: (program, chunk) => topic(program).publish(chunk),
    subscribe: (program, listener) => topic(program).subscribe(listener.chunk),
    serveCatchUp(program, chunks) {
      catchUps.set(program, chunks);
      return () => catchUps.delete(program);
    },
    catchUp: async (program) => catchUps.get(program)?.() ?? [],
  };
}

function localGates(): GateControl {
  const edges = new Map<string, (change: GateChange) => void>();
  return {
    publish: (edge, change) => edges.get(edge)?.(change),
    serveSnapshots: () => () => undefined,
    subscribe(edge, { change }) {
      edges.set(edge, change);
      return () => edges.delete(edge);
    },
  };
}

function joined<T>(listeners: Set<T>, listener: T): Unsubscribe {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
