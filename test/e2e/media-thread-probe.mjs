/**
 * Loaded into a relay by a test (NODE_OPTIONS): writes how many sockets each media thread has to the file that MEDIA_THREAD_SOCKETS
 * names, and has the first of them throw at SIGUSR2.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const sockets = new Map();
let first;

if (isMainThread) {
  process.on('worker', (worker) => {
    const { threadName: name } = worker;
    if (!name.startsWith('media ')) return;
    if (name === 'media 1') first = worker;
    worker.on('message', ({ type, figures }) => {
      if (type !== 'figures') return;
      sockets.set(name, figures.sockets);
      writeFileSync(process.env.MEDIA_THREAD_SOCKETS, JSON.stringify(Object.fromEntries(sockets)));
    });
  });
  process.on('SIGUSR2', () => first.postMessage({ type: 'nonsense' }));
}
