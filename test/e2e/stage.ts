import type { ChildProcess } from 'node:child_process';
import { clip, publish } from './clip.ts';
import { Deployment, type DeploymentOptions, type Form, PROGRAM, TARIFF } from './deployment.ts';
import { RawViewer } from './raw-viewer.ts';
import { Scratch, signedToken, until } from './relay-process.ts';

export interface StageOptions extends DeploymentOptions {
  /** What is broadcast. */
  readonly clip?: () => string;
}

/** A deployment with its broadcaster on air, and who watches. */
export class Stage {
  readonly scratch: Scratch;
  readonly deployment: Deployment;
  readonly #children: ChildProcess[];
  readonly #leaving: (() => unknown)[] = [];

  constructor(scratch: Scratch, deployment: Deployment, broadcaster: ChildProcess) {
    this.scratch = scratch;
    this.deployment = deployment;
    this.#children = [broadcaster];
  }

  async isLive(): Promise<void> {
    await this.#explained(until(() => this.deployment.isLive(), `${PROGRAM} is live`));
  }

  /** A viewer at the protocol's level that has begun to get chunks. */
  async watch(viewer: string): Promise<RawViewer> {
    const { deployment } = this;
    const raw = new RawViewer(deployment.viewersUrl);
    this.leave(() => raw.close());
    await raw.watch(PROGRAM, await this.token(viewer), TARIFF);
    await this.#explained(
      until(() => raw.chunks.length > 10, `chunks came to ${viewer}`),
      () => JSON.stringify(raw.messages),
    );
    return raw;
  }

  /** As the command line signs them, without a process for each. */
  token(viewer: string, ttlSeconds = 3_600): Promise<string> {
    return signedToken(this.deployment.data, PROGRAM, viewer, ttlSeconds);
  }

  /** What is to be ended with the test. */
  child(child: ChildProcess): ChildProcess {
    this.#children.push(child);
    return child;
  }

  leave(leave: () => unknown): void {
    this.#leaving.push(leave);
  }

  close(): void {
    for (const leave of this.#leaving) leave();
    for (const child of this.#children) child.kill('SIGKILL');
  }

  /** With what everybody logged. */
  async #explained<T>(promise: Promise<T>, more = () => ''): Promise<T> {
    return promise.catch((error) => {
      throw new Error(`${error}\n${more()}\n${this.deployment.log}`);
    });
  }
}

/** A test that is played on a stage of its own, which is gone afterwards whatever comes of it. */
export const staged =
  (form: Form, options: StageOptions, play: (stage: Stage) => Promise<void>): (() => Promise<void>) =>
  async () => {
    const scratch = new Scratch();
    try {
      const deployment = await Deployment.start(form, scratch, options);
      const broadcaster = publish((options.clip ?? clip)(), deployment.publishUrl);
      const stage = new Stage(scratch, deployment, broadcaster);
      try {
        await stage.isLive();
        await play(stage);
      } finally {
        stage.close();
        await deployment.stop();
      }
    } finally {
      scratch[Symbol.dispose]();
    }
  };
