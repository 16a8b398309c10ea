import type { KeyObject } from 'node:crypto';
import { ResumeStatement } from '../resume.ts';
import { verifyStatement } from './jws.ts';
import { importPublicKey } from './public-key.ts';

/** Verifies a resume statement by the viewing's own signing key. The caller checks viewing and challenge. */
export function verifyResume(jws: string, signKey: KeyObject): { statement: ResumeStatement; agreeKey: KeyObject } {
  const statement = verifyStatement('tollcast-resume+jws', jws, signKey, ResumeStatement);
  return { statement, agreeKey: importPublicKey(statement.agree) };
}
