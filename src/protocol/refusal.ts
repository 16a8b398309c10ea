import { TollcastError } from '../errors.ts';
import type { ErrorCode } from './messages.ts';

/** What a viewer asked for was refused; the code and the words go to the viewer. */
export class Refusal extends TollcastError {
  override readonly code: ErrorCode;
  /** How long to wait before asking again, where that is known. */
  readonly retryInMs: number | undefined;

  constructor(code: ErrorCode, message: string, retryInMs?: number) {
    super(code, message);
    this.name = 'Refusal';
    this.code = code;
    this.retryInMs = retryInMs;
  }
}
