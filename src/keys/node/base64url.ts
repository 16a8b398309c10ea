/**
 * The bytes of a part of a compact serialisation (RFC 7515, section 2): base64url as an encoder writes it, and nothing else. Padding,
 * white space, other alphabets and bits that encode nothing would make one statement out of many texts.
 * @throws TypeError
 */
export function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new TypeError('it is not base64url without padding');
  return bytes;
}
