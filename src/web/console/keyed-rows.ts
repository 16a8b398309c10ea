export interface Row<T> {
  readonly element: HTMLElement;
  update(item: T): void;
}

export interface RowsOf<T> {
  keyOf(item: T): string;
  make(item: T): Row<T>;
  /** The row that had the keyboard's focus is gone. */
  focusLost(): void;
}

/** A list's rows, each kept as long as its item is there: only what changed is written, moved or removed. */
export class KeyedRows<T> {
  readonly #body: HTMLElement;
  readonly #of: RowsOf<T>;
  readonly #rows = new Map<string, Row<T>>();

  constructor(body: HTMLElement, of: RowsOf<T>) {
    this.#body = body;
    this.#of = of;
  }

  /** Shows these items, in this order. */
  show(items: readonly T[]): void {
    const focused = document.activeElement;
    const wasHere = this.#body.contains(focused);
    this.#removeAllBut(new Set(items.map(this.#of.keyOf)));
    let next = this.#body.firstElementChild;
    for (const item of items) {
      const { element } = this.#updated(item);
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
    if (!wasHere || !(focused instanceof HTMLElement)) return;
    if (!focused.isConnected) this.#of.focusLost();
    // A row that is moved loses the focus.
    else if (document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  #updated(item: T): Row<T> {
    const key = this.#of.keyOf(item);
    const row = this.#rows.get(key) ?? this.#of.make(item);
    this.#rows.set(key, row);
    row.update(item);
    return row;
  }

  #removeAllBut(kept: ReadonlySet<string>): void {
    for (const [key, { element }] of this.#rows) {
      if (kept.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
  }
}
