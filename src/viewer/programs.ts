import { messageOf, TollcastError } from '../errors.ts';
import { type ProgramInfo, ProgramList } from '../protocol/messages.ts';
import { ANSWER_WITHIN_MS, MAX_PROGRAMS_BYTES } from './limits.ts';
import { serverUrl } from './socket.ts';

/**
 * What the server at `base` offers, and at what price: the tariff to consent to by watching.
 * @throws TollcastError `unreachable`, `protocol-violation`, `bad-address`
 */
export async function fetchPrograms(base: string, fetchFrom: typeof fetch = fetch): Promise<readonly ProgramInfo[]> {
  const url = serverUrl(base, '/v1/programs', 'http');
  const text = await textAt(url, fetchFrom);
  try {
    return ProgramList.parse(JSON.parse(text)).programs;
  } catch (cause) {
    throw new TollcastError('protocol-violation', `${url} did not answer with a list of programs`, { cause });
  }
}

/**
 * One program of the server at `base`.
 * @throws TollcastError as `fetchPrograms` does, and `program-unknown`
 */
export async function fetchProgram(base: string, name: string, fetchFrom: typeof fetch = fetch): Promise<ProgramInfo> {
  const programs = await fetchPrograms(base, fetchFrom);
  const program = programs.find((one) => one.name === name);
  if (program === undefined) throw new TollcastError('program-unknown', `there is no program ${name} on this server`);
  return program;
}

async function textAt(url: string, fetchFrom: typeof fetch): Promise<string> {
  try {
    const response = await fetchFrom(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), cache: 'no-store' });
    if (!response.ok) throw new Error(`it answered with status ${response.status}`);
    return await boundedText(response);
  } catch (cause) {
    throw new TollcastError('unreachable', `cannot read ${url}: ${reasonOf(cause)}`, { cause });
  }
}

/** `fetch` says only that it failed; why, it says in the error's own cause. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    bytes += read.value.length;
    if (bytes > MAX_PROGRAMS_BYTES) {
      await reader?.cancel();
      throw new Error(`its answer is longer than ${MAX_PROGRAMS_BYTES} bytes`);
    }
    text += decoder.decode(read.value, { stream: true });
  }
  return text + decoder.decode();
}
