/**
 * When to acknowledge what was received: RTMP 1.0, section 5.4.3 and 5.4.4. An encoder that set a window may stop sending when it
 * is full.
 */
export class AcknowledgementWindow {
  #windowBytes = 0;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;

  /** Since the connection began. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The other side wants an acknowledgement each time so many bytes have been received. */
  setWindow(bytes: number): void {
    this.#windowBytes = bytes;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** The number of bytes to acknowledge now, if it is time. */
  takeDue(): number | undefined {
    if (this.#windowBytes === 0 || this.#receivedBytes - this.#acknowledgedBytes < this.#windowBytes) return undefined;
    this.#acknowledgedBytes = this.#receivedBytes;
    return this.#receivedBytes;
  }
}
