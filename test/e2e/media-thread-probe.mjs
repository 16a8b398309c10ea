/**
 * Loaded into a relay by a test (NODE_OPTIONS): writes how many sockets each media thread has to the file that MEDIA_THREAD_SOCKETS
 * names, and has the first of them do what MEDIA_THREAD_FATE says at SIGUSR2: `throws`, `exits` or `hangs`.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, threadName } from 'node:worker_threads';

const sockets = new Map();
const fate = process.env.MEDIA_THREAD_FATE;
let first;

if (isMainThread) {
  process.on('worker', (worker) => {
    const { threadName: name } = worker;
    if (!name.startsWith('media ')) return;
    if (name === 'media 1') first = worker;
    worker.on('message', ({ type, figures }) => {
      if (type !== 'figures') return;
      sockets.set(name, figures.sockets);
      const file = process.env.MEDIA_THREAD_SOCKETS;
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(sockets)));
      renameSync(`${file}.new`, file);
    });
  });
  // A thread throws at a message that it does not know.
  process.on('SIGUSR2', () => first.postMessage({ type: fate }));
} else if (threadName.startsWith('media ')) {
  parentPort.on('message', ({ type }) => {
    if (type === 'exits') process.exit();
    while (type === 'hangs');
  });
}
