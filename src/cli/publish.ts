import type { Command } from 'commander';
import { z } from 'zod';
import { onInterruption } from './interruption.ts';
import { readOptions } from './options.ts';
import { note } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted, oneLine } from './text.ts';

export function addPublish(parent: Command): void {
  parent
    .command('publish <file> <url>')
    .description('push an FLV file to rtmp://host/live/PROGRAM?key=STREAMKEY in real time, as an encoder would')
    .option('--loop', 'begin again at its end, until interrupted')
    .action((file: string, url: string, _: unknown, command: Command) => publish(file, url, readOptions(command, Options)));
}

const Options = z.object({ loop: z.boolean().default(false) });

async function publish(file: string, url: string, { loop }: z.infer<typeof Options>): Promise<void> {
  const { publishFile } = await import('../ingest/publisher.ts');
  const interrupted = new AbortController();
  const line = new ProgressLine();
  const restore = onInterruption(() => interrupted.abort());
  try {
    await publishFile(file, url, {
      loop,
      signal: interrupted.signal,
      onProgress: ({ sentMs, sentBytes }) => {
        line.show(() => `${Math.floor(sentMs / 1_000)} s sent  ${counted(Math.floor(sentBytes / 1_000), 'kilobyte')}`);
      },
    });
  } finally {
    line.clear();
    restore();
  }
  note(oneLine(`${file}: ${interrupted.signal.aborted ? 'stopped' : 'published to its end'}`));
}
