import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What may be wrong with a disk: see faulty-disk.c. */
export type DiskFault = 'full' | 'read-only' | 'dead' | 'sync-drops' | 'sync-keeps';

const SOURCE = fileURLToPath(new URL('./faulty-disk.c', import.meta.url));

let built: string | undefined;

/** faulty-disk.c compiled, once a process. */
function library(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-disk-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'faulty-disk.so');
  const { status, stderr } = spawnSync('cc', ['-O1', '-shared', '-fPIC', '-o', file, SOURCE, '-ldl', '-lpthread'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`faulty-disk.c cannot be compiled: ${stderr}`);
  built = file;
  return built;
}

/** A data folder on a disk that fails when it is told to, for the processes that are given its `env`. */
export class FaultyDisk {
  /** What a loss of power would leave: a data folder itself. */
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #mode: string;

  /**
   * @param folder with what is on the disk from the beginning
   * @param scratch a folder for the disk's own files
   */
  constructor(folder: string, scratch: string) {
    this.image = `${scratch}/image`;
    this.#mode = `${scratch}/disk-mode`;
    cpSync(folder, this.image, { recursive: true });
    this.env = {
      LD_PRELOAD: library(),
      FAULTY_DISK_FOLDER: folder,
      FAULTY_DISK_MODE: this.#mode,
      FAULTY_DISK_IMAGE: this.image,
    };
  }

  /** @param every of syncs that fail, which: each, or each second, third … */
  fails(fault: DiskFault, every = 1): void {
    writeFileSync(this.#mode, `${fault} ${every}`);
  }

  heals(): void {
    rmSync(this.#mode, { force: true });
  }
}
