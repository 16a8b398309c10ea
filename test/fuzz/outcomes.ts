/** Counts of what became of inputs. */
export class Outcomes extends Map<string, number> {
  count(outcome: string): void {
    this.set(outcome, (this.get(outcome) ?? 0) + 1);
  }
}
