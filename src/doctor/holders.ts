import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';
import { basename, dirname } from 'node:path';
import { lockFile } from '../ledger/lock.ts';

/** A process of this host that has a port, or a data folder. */
export interface Holder {
  readonly pid: number;
  /** As the system calls it, such as `node`. */
  readonly name: string;
  /** Whose lock it has open: a server's of Tollcast. */
  readonly dataFolders: readonly string[];
}

/**
 * Which processes have which ports and data folders, as Linux shows it in /proc: of this user's processes, or of all to root. Elsewhere
 * nobody is known.
 */
export class Holders {
  readonly #processes = processes();
  readonly #listening = [...listening('/proc/net/tcp'), ...listening('/proc/net/tcp6')];

  /** Who keeps others from listening there; undefined if that is not known. */
  ofPort(host: string, port: number): Holder | undefined {
    const sockets = this.#listening.filter((each) => each.port === port && collide(each.address, host));
    const open = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
    return this.#holder(({ files }) => files.some((file) => open.has(file)));
  }

  /** Who runs on a data folder; undefined if nobody is known to. */
  ofFolder(folder: string): Holder | undefined {
    const lock = realPath(lockFile(folder));
    return lock === undefined ? undefined : this.#holder(({ files }) => files.includes(lock));
  }

  #holder(has: (process: Process) => boolean): Holder | undefined {
    const found = this.#processes.find(has);
    if (found === undefined) return undefined;
    const { pid, files } = found;
    const dataFolders = new Set(files.filter((file) => basename(file) === LOCK).map(dirname));
    return { pid, name: nameOf(pid), dataFolders: [...dataFolders] };
  }
}

const LOCK = basename(lockFile(''));

interface Process {
  readonly pid: number;
  /** What it has open: sockets, and files of that name. */
  readonly files: readonly string[];
}

function processes(): Process[] {
  return namesIn('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .map((pid) => {
      const open = namesIn(`/proc/${pid}/fd`).flatMap((fd) => linked(`/proc/${pid}/fd/${fd}`) ?? []);
      return { pid, files: open.filter((file) => file.startsWith('socket:') || basename(file) === LOCK) };
    });
}

interface Listening {
  /** Hexadecimal, each 32 bits in this host's order of bytes. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

const LISTENS = '0A';

/** proc_pid_net(5): number, local and remote address, state, queues, timer, retransmissions, user, timeout, inode. */
function listening(file: string): Listening[] {
  return lines(file).flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    return state === LISTENS ? [{ address, port: Number.parseInt(port, 16), inode }] : [];
  });
}

const isAny = (address: string): boolean => /^0+$/.test(address);

/** Of addresses that are not plain IPv4, any may be the same: that it cannot be listened on is known already. */
function collide(address: string, host: string): boolean {
  if (!isIPv4(host) || host === '0.0.0.0' || isAny(address) || address.length !== 8) return true;
  const bytes = host.split('.').map(Number);
  return (
    address ===
    Buffer.from(endianness() === 'LE' ? bytes.reverse() : bytes)
      .toString('hex')
      .toUpperCase()
  );
}

const nameOf = (pid: number): string => lines(`/proc/${pid}/comm`)[0] ?? '';

const namesIn = (folder: string): string[] => orElse([], () => readdirSync(folder));
const linked = (file: string): string | undefined => orElse(undefined, () => readlinkSync(file));
const realPath = (file: string): string | undefined => orElse(undefined, () => realpathSync(file));
const lines = (file: string): string[] => orElse([], () => readFileSync(file, 'utf8').split('\n'));

/** Processes end while they are looked at, others' cannot be looked into, and other systems have no such files. */
function orElse<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
