const LEAST_INTERVAL_MS = 200;
const CLEAR = '\r\u001b[K';

/** One line on stderr that is drawn over itself; on anything but a terminal, nothing at all. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #shownAtMs = -LEAST_INTERVAL_MS;
  #shown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** Cheap enough to be called for everything that is done: `text` is asked only when it is time to draw. */
  show(text: () => string): void {
    if (!this.#stream.isTTY) return;
    const nowMs = performance.now();
    if (nowMs - this.#shownAtMs < LEAST_INTERVAL_MS) return;
    this.#shownAtMs = nowMs;
    this.#shown = true;
    // A line that wraps could not be drawn over.
    this.#stream.write(CLEAR + text().slice(0, (this.#stream.columns || 80) - 1));
  }

  /** Leaves the line free for what comes. */
  clear(): void {
    if (this.#shown) this.#stream.write(CLEAR);
    this.#shown = false;
  }
}
