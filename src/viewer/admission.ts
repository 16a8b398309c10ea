import { sameTariff, type Tariff } from '../billing/tariff.ts';
import { TollcastError } from '../errors.ts';
import type { DeviceKeys } from '../keys/device.ts';
import { decryptSessionKey } from '../keys/key-update.ts';
import { signResume } from '../keys/resume.ts';
import { signWatch } from '../keys/watch.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { ControlConnection } from './control-connection.ts';
import { ANSWER_WITHIN_MS } from './limits.ts';

/** A viewing as the server has admitted it on one control socket. */
export interface Admission {
  readonly viewing: string;
  readonly program: string;
  readonly title: string;
  readonly broadcast: string;
  readonly tariff: Tariff;
  /** Content keys travel under it, on this socket only. */
  readonly sessionKey: Uint8Array;
}

export interface Asked {
  readonly program: string;
  readonly tariff: Tariff;
  readonly token: string;
}

/** Where one stands who has to wait to be admitted. */
export interface Waiting {
  /** How many are before it. */
  readonly ahead: number;
  /** How long the server expects that to take. */
  readonly expectedMs: number;
}

/**
 * Opens a viewing: `hello`, `watch`, `viewing`.
 * @param waits told each time that the server says to wait
 * @throws Refusal with the server's code, TollcastError `unreachable`, `protocol-violation`
 */
export async function askToWatch(
  control: ControlConnection,
  asked: Asked,
  device: DeviceKeys,
  waits: (waiting: Waiting) => void,
): Promise<Admission> {
  const { challenge } = await expectMessage(control, 'hello');
  control.send({ type: 'watch', token: asked.token, jws: await signWatch({ ...asked, challenge }, device) });
  const admission = await admitted(control, device, waits);
  if (admission.program === asked.program && sameTariff(admission.tariff, asked.tariff)) return admission;
  throw new TollcastError('protocol-violation', 'the server admitted to another program or at another price than asked');
}

/** Takes up a viewing on a new socket: `hello`, `resume`, `viewing`. @throws as `askToWatch` does */
export async function askToResume(
  control: ControlConnection,
  viewing: string,
  device: DeviceKeys,
  waits: (waiting: Waiting) => void,
): Promise<Admission> {
  const { challenge } = await expectMessage(control, 'hello');
  control.send({ type: 'resume', viewing, jws: await signResume({ viewing, challenge }, device) });
  const admission = await admitted(control, device, waits);
  if (admission.viewing !== viewing) throw new TollcastError('protocol-violation', 'the server resumed another viewing');
  return admission;
}

async function admitted(control: ControlConnection, device: DeviceKeys, waits: (waiting: Waiting) => void): Promise<Admission> {
  const { sessionKey: jwe, viewing, program, title, broadcast, tariff } = await expectMessage(control, 'viewing', waits);
  try {
    const sessionKey = await decryptSessionKey(jwe, viewing, device.agree.privateKey);
    return { viewing, program, title, broadcast, tariff, sessionKey };
  } catch (cause) {
    throw new TollcastError('protocol-violation', 'the server sent a session key that this device cannot open', { cause });
  }
}

async function expectMessage<T extends ServerMessage['type']>(
  control: ControlConnection,
  type: T,
  waits?: (waiting: Waiting) => void,
): Promise<Extract<ServerMessage, { type: T }>> {
  const message = await control.next(ANSWER_WITHIN_MS);
  if (message === undefined) throw new TollcastError('unreachable', 'the server cannot be reached, or does not answer');
  if (message.type === 'error') throw new Refusal(message.code, message.message, message.retryInMs);
  if (message.type === 'waiting' && waits !== undefined) {
    const { ahead, expectedMs } = message;
    waits({ ahead, expectedMs });
    return expectMessage(control, type, waits);
  }
  if (!isOfType(message, type)) throw new TollcastError('protocol-violation', `the server sent ${message.type} before ${type}`);
  return message;
}

const isOfType = <T extends ServerMessage['type']>(
  message: ServerMessage,
  type: T,
): message is Extract<ServerMessage, { type: T }> => message.type === type;
