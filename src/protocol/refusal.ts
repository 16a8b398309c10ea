import { TollcastError } from '../errors.ts';
import type { ErrorCode } from './messages.ts';

/** What a viewer asked for was refused; the code and the words go to the viewer. */
export class Refusal extends TollcastError {
  override readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(code, message);
    this.name = 'Refusal';
    this.code = code;
  }
}
