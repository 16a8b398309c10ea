import { Marker } from '../media/amf0-marker.ts';
import { malformed } from './rtmp-reader.ts';

/**
 * AMF0 as commands carry it (Adobe, "AMF 0 Specification", section 2). node-media-server's decoder takes an ECMA array for a byte longer
 * than it is, so that all that follows is lost, and has dates, XML and long property names wrong.
 */

/** No command that is in use comes near it. */
const MAX_DEPTH = 16;

/**
 * Values one after another, each as what JavaScript has for it: a date as its milliseconds since 1970, an XML document as its text,
 * both kinds of object as an object of own properties. References are not followed and undefined.
 */
export class Amf0Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @throws TollcastError `rtmp-malformed` if there is none that is whole */
  next(): unknown {
    return this.#value(0);
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw malformed('sent a command with AMF0 that is nested too deep');
    const marker = this.#uint(1);
    switch (marker) {
      case Marker.number:
        return this.#take(8).readDoubleBE();
      case Marker.boolean:
        return this.#uint(1) !== 0;
      case Marker.string:
        return this.#text(2);
      case Marker.longString:
      case Marker.xmlDocument:
        return this.#text(4);
      case Marker.object:
        return this.#properties(depth);
      case Marker.ecmaArray:
        // A count that encoders do not agree on: the end is marked.
        this.#take(4);
        return this.#properties(depth);
      case Marker.typedObject:
        this.#text(2);
        return this.#properties(depth);
      case Marker.strictArray:
        return this.#elements(depth);
      case Marker.date: {
        const ms = this.#take(8).readDoubleBE();
        // A time zone, which the specification reserves.
        this.#take(2);
        return ms;
      }
      case Marker.null:
        return null;
      case Marker.reference:
        this.#take(2);
        return undefined;
      case Marker.undefined:
      case Marker.unsupported:
        return undefined;
      default:
        throw malformed('sent a command that is not AMF0');
    }
  }

  #properties(depth: number): object {
    const properties: [name: string, value: unknown][] = [];
    for (;;) {
      const name = this.#text(2);
      if (name === '' && this.#bytes[this.#at] === Marker.objectEnd) break;
      properties.push([name, this.#value(depth + 1)]);
    }
    this.#at++;
    // As own properties, whatever they are called.
    return Object.fromEntries(properties);
  }

  #elements(depth: number): unknown[] {
    const elements: unknown[] = [];
    // Each takes a byte at least, so a count that is too large comes to the end.
    for (let left = this.#uint(4); left > 0; left--) elements.push(this.#value(depth + 1));
    return elements;
  }

  #text(lengthBytes: 2 | 4): string {
    return this.#take(this.#uint(lengthBytes)).toString('utf8');
  }

  #uint(bytes: 1 | 2 | 4): number {
    return this.#take(bytes).readUIntBE(0, bytes);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed('sent a command that ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
