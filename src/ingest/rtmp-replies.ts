import type { Refusal } from './publication.ts';
import {
  type CommandValue,
  encodeCommand,
  OUTGOING_CHUNK_BYTES,
  setChunkSize,
  setPeerBandwidth,
  streamBegin,
  windowAcknowledgementSize,
} from './rtmp-message.ts';

/** What the server answers, as bytes (RTMP 1.0, section 7.2). */

/** How much an encoder may send before it wants an acknowledgement, and we before we want one. What encoders are used to. */
const WINDOW_BYTES = 5_000_000;
/** Enhanced RTMP v2, "Enhancing NetConnection connect Command": any codec is forwarded, none decoded. */
const CAN_FORWARD = 4;

export const connected = (transaction: number): Buffer =>
  Buffer.concat([
    windowAcknowledgementSize(WINDOW_BYTES),
    setPeerBandwidth(WINDOW_BYTES),
    setChunkSize(OUTGOING_CHUNK_BYTES),
    encodeCommand(
      0,
      '_result',
      transaction,
      {
        fmsVer: 'FMS/3,0,1,123',
        capabilities: 31,
        videoFourCcInfoMap: { '*': CAN_FORWARD },
        audioFourCcInfoMap: { '*': CAN_FORWARD },
      },
      {
        level: 'status',
        code: 'NetConnection.Connect.Success',
        description: 'Connection succeeded.',
        // AMF0 is all that is decoded here.
        objectEncoding: 0,
      },
    ),
  ]);

export const connectRejected = (transaction: number, description: string): Buffer =>
  Buffer.concat([
    setChunkSize(OUTGOING_CHUNK_BYTES),
    encodeCommand(0, '_error', transaction, null, { level: 'error', code: 'NetConnection.Connect.InvalidApp', description }),
  ]);

/** To commands that need no more of an answer than that they arrived. */
export const done = (transaction: number): Buffer => encodeCommand(0, '_result', transaction, null);

export const streamCreated = (transaction: number, streamId: number): Buffer =>
  encodeCommand(0, '_result', transaction, null, streamId);

const onStatus = (streamId: number, info: Readonly<Record<'level' | 'code' | 'description', string>>): Buffer =>
  encodeCommand(streamId, 'onStatus', 0, null, info satisfies CommandValue);

export const publishStarted = (streamId: number, program: string): Buffer =>
  Buffer.concat([
    streamBegin(streamId),
    onStatus(streamId, { level: 'status', code: 'NetStream.Publish.Start', description: `Publishing ${program}.` }),
  ]);

export const unpublished = (streamId: number, program: string): Buffer =>
  onStatus(streamId, { level: 'status', code: 'NetStream.Unpublish.Success', description: `${program} is no longer published.` });

export const publishRefused = (streamId: number, { code, message }: Refusal): Buffer =>
  onStatus(streamId, { level: 'error', code: publishStatusCode(code), description: message });

/** OBS gives up on the first two and says that the stream key is wrong; after the last it connects anew. */
function publishStatusCode(refusalCode: string): string {
  switch (refusalCode) {
    case 'program-unknown':
    case 'already-publishing':
      return 'NetStream.Publish.BadName';
    case 'shutdown':
    case 'authority-unreachable':
    case 'credential-invalid':
    case 'credential-revoked':
    case 'program-not-allowed':
    case 'internal':
      return 'NetStream.Failed';
    default:
      return 'NetStream.Publish.Denied';
  }
}

export const playFailed = (streamId: number): Buffer =>
  onStatus(streamId, {
    level: 'error',
    code: 'NetStream.Play.Failed',
    description: 'Nothing is played over RTMP: watch in the browser, or with tollcast view.',
  });
