import { type Command, Option } from 'commander';
import { z } from 'zod';
import { messageOf, TollcastError, unreachable } from '../errors.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import { fetchProgram } from '../viewer/programs.ts';
import { ViewerClient } from '../viewer/viewer-client.ts';
import { watchOn } from '../viewer/watch-on.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import { onInterruption } from './interruption.ts';
import { readOptions, Seconds, withJson } from './options.ts';
import { note, printJson } from './output.ts';
import { parseWatchAddress } from './stream-address.ts';
import { openSink, type Sink } from './view-sink.ts';
import { ViewStatus } from './view-status.ts';

export function addView(parent: Command): void {
  withJson(parent.command('view <url>').description("watch a program, and pay for it; url is the relay's, or a watch link"))
    .option('--program <name>', 'what to watch, unless a watch link says so')
    .addOption(new Option('--token <token>', "the viewer's token, unless a watch link has it").env('TOLLCAST_TOKEN'))
    .option('--seconds <n>', 'stop after so many seconds of viewing')
    .option('--out <file>', 'write FLV to this file, or - for stdout; without it, chunks are only counted')
    .addHelpText(
      'after',
      `\nExample: tollcast view http://localhost:8080 --program demo --token "$TOKEN" --out - | ffplay -
A viewing that was lost, and ended by nobody's wish, is followed by another at the same price.
--json prints what it cost, on stdout unless the picture goes there. Ctrl-C stops; then the exit code is 0.`,
    )
    .action((url: string, _: unknown, command: Command) => view(url, readOptions(command, Options)));
}

const Options = z.object({
  program: z.string().min(1, 'names no program').optional(),
  token: z.string().min(1, 'is empty').optional(),
  seconds: Seconds.optional(),
  out: z.string().min(1, 'names no file').optional(),
  json: z.boolean().default(false),
});

async function view(address: string, options: z.infer<typeof Options>): Promise<void> {
  const { base, program, token } = { ...parseWatchAddress(address), ...given(options) };
  if (program === undefined) throw new TollcastError('usage', 'say what to watch with --program, or give a watch link');
  if (token === undefined) throw new TollcastError('usage', 'a viewer token is needed: give --token or TOLLCAST_TOKEN');

  const offered = await fetchProgram(base, program);
  const { tariff } = offered;
  // Before consenting to a price: what cannot be written need not be paid for.
  const sink = options.out === undefined ? undefined : await openSink(options.out);
  const stop = new AbortController();
  const status = new ViewStatus(offered, options.seconds, () => stop.abort());
  const start = () => {
    const client = ViewerClient.start({ base, program, tariff, token, observer: status.observer });
    stop.signal.addEventListener('abort', () => void client.stop());
    return client;
  };
  const restore = onInterruption(() => stop.abort());
  let unwritten: TollcastError | undefined;
  let notFollowed: unknown;
  try {
    for await (const client of watchOn({ base, program: offered, start, stop: stop.signal })) {
      status.begin(client);
      unwritten = await sink?.write(client);
      status.ended(await client.ended);
      if (unwritten !== undefined) stop.abort();
    }
  } catch (error) {
    notFollowed = error;
  }
  restore();
  status.close();
  unwritten ??= await sink?.close();
  if (options.json) printUsage(status.usage, sink);
  else if (status.wasAdmitted) note(status.summary);
  if (unwritten !== undefined) throw unwritten;
  if (notFollowed !== undefined) throw brokeOff(notFollowed);
  if (!stop.signal.aborted) throwUnlessStopped(status.end, status.hasBegun);
}

const given = ({ program, token }: { program?: string | undefined; token?: string | undefined }) => ({
  ...(program === undefined ? {} : { program }),
  ...(token === undefined ? {} : { token }),
});

function printUsage(usage: object, sink: Sink | undefined): void {
  if (sink?.isStdout) note(JSON.stringify(usage));
  else printJson(usage);
}

/** @throws TollcastError with the server's code if it refused, `cut-off` if the viewing had begun */
function throwUnlessStopped(end: ViewingEnd | undefined, begun: boolean): void {
  if (end === undefined) return;
  if (end.by === 'server') {
    if (end.reason !== 'stopped') throw new TollcastError('cut-off', `the viewing was ended: ${reasonText(end.reason)}`);
  } else if (end.error.code !== 'cancelled') {
    throw begun ? brokeOff(end.error) : end.error;
  }
}

const brokeOff = (cause: unknown): TollcastError =>
  new TollcastError('cut-off', `the viewing broke off: ${messageOf(cause)}`, { cause });

function reasonText(reason: EndReason): string {
  switch (reason) {
    case 'stopped':
      return 'stopped by the viewer';
    case 'unconfirmed':
      return 'a key was not confirmed in time (unconfirmed)';
    case 'disconnected':
      return 'the connection was lost for too long (disconnected)';
    case 'too-slow':
      return 'this viewer could not keep up with the broadcast (too-slow)';
    case 'broadcast-ended':
      return 'the broadcast is over (broadcast-ended)';
    case 'program-removed':
      return 'the operator removed the program (program-removed)';
    case 'shutdown':
      return 'the relay is shutting down (shutdown)';
    case 'credit-exhausted':
      return "the token's spending cap is reached (credit-exhausted)";
    case 'revoked':
      return 'the operator ended it (revoked)';
    case 'superseded':
      return 'the same viewer began a newer viewing (superseded)';
    case 'interrupted':
      return 'the relay died (interrupted)';
    default:
      return unreachable(reason);
  }
}
