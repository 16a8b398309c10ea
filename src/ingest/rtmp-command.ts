import { z } from 'zod';
import { checked } from '../checked.ts';
import { Amf0Reader } from './amf0.ts';
import { MessageType, type RtmpMessage } from './rtmp-message.ts';
import { malformed } from './rtmp-reader.ts';

/** A command as it came: `values` are what follows its name and transaction, as `Amf0Reader` gives them, unchecked. */
export interface Command {
  readonly name: string;
  /** 0 if no answer is wanted. */
  readonly transaction: number;
  readonly values: readonly unknown[];
}

/** No command that is answered here has more; what follows is not looked at. */
const MAX_VALUES = 4;

/**
 * Decodes a command message (RTMP 1.0, section 7.2).
 *
 * @throws TollcastError `rtmp-malformed`
 */
export function decodeCommand({ type, payload }: RtmpMessage): Command {
  // An AMF3 command begins with a byte that says so, and is AMF0 after it for every encoder in use.
  const reader = new Amf0Reader(type === MessageType.commandAmf3 ? payload.subarray(1) : payload);
  const values: unknown[] = [];
  while (!reader.isAtEnd && values.length < 2 + MAX_VALUES) values.push(reader.next());
  const [name, transaction, ...others] = values;
  if (typeof name !== 'string') throw malformed('sent a command without a name');
  return { name, transaction: typeof transaction === 'number' ? transaction : 0, values: others };
}

const MAX_NAME_CHARS = 1024;

const connectObject = z.object({
  app: z.string().max(MAX_NAME_CHARS),
  tcUrl: z.string().max(MAX_NAME_CHARS),
});

/** What `connect` says about where to: the first part of the URL's path, and the URL up to there. */
export type ConnectObject = z.infer<typeof connectObject>;

/** @throws TollcastError `rtmp-malformed` */
export function connectObjectOf(command: Command): ConnectObject {
  const parsed = checked(connectObject, command.values[0]);
  if (!parsed.success) throw malformed('sent a connect without app and tcUrl');
  return parsed.data;
}

/** The stream name of `publish`, `play`, `FCPublish` …, which follows a null. @throws TollcastError `rtmp-malformed` */
export function streamNameOf(command: Command): string {
  const name = command.values[1];
  if (typeof name !== 'string' || name.length > MAX_NAME_CHARS) throw malformed(`sent a ${command.name} without a stream name`);
  return name;
}

const statusInfo = z.object({ level: z.string(), code: z.string(), description: z.string().optional() });

/** What a server says about a request: `level` is "status" or "error". */
export type StatusInfo = z.infer<typeof statusInfo>;

/** The status that a `_result`, `_error` or `onStatus` carries, if it carries one. */
export const statusOf = (command: Command): StatusInfo | undefined => statusInfo.safeParse(command.values[1]).data;
