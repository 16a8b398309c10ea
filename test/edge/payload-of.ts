import type { MediaMessage } from '../../src/edge/media-message.ts';

/** What a media message carries, behind the header of its WebSocket frame (RFC 6455, section 5.2). */
export function payloadOf({ frame }: MediaMessage): Buffer {
  const length = frame.readUInt8(1);
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10);
}
