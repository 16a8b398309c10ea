import { PROGRAMS } from './deployment.ts';
import { SimSource, streamKeyOf } from './source.ts';
import { AWAY_MS } from './studio.ts';
import { CHARACTERS, SimViewer } from './viewer.ts';
import type { SimWorld } from './world.ts';

/** What happens to a deployment from outside, as a seed has it. */
export class Script {
  readonly #world: SimWorld;
  readonly #sources = new Map<string, SimSource>();
  #made = 0;

  constructor(world: SimWorld) {
    this.#world = world;
  }

  begin(forMs: number): void {
    const { random, deployment } = this.#world;
    this.#viewers(forMs);
    this.#broadcasters();
    this.#attackers();
    this.#operator();
    this.#sometimes(25_000, () => {
      deployment.disk.refusesUntilMs = this.#world.time.nowMs + random.between(200, 6_000);
    });
    if (random.chance(0.6)) this.#sometimes(30_000, () => this.#world.kill());
    if (deployment.form !== 'relay') this.#network();
    if (deployment.form === 'split') this.#encryptors();
  }

  #viewers(forMs: number): void {
    const { random, time } = this.#world;
    const arrivals = random.between(3, 10);
    for (let at = 0; at < arrivals; at++) {
      const cap = random.chance(0.15) ? { cap: `0.${random.between(4, 30).toString().padStart(2, '0')}` } : {};
      const token = { id: `token ${at}`, ...cap };
      const viewer = new SimViewer(this.#world, `viewer ${at}`, random.pick(PROGRAMS), token, random.pick(CHARACTERS));
      this.#world.viewers.push(viewer);
      time.after(random.between(0, forMs / 2), () => void viewer.watch());
    }
  }

  #broadcasters(): void {
    const { random, time, oracle } = this.#world;
    for (const program of PROGRAMS) time.after(random.between(0, 2_000), () => this.#publish(program));
    this.#sometimes(2_000, () => {
      for (const program of PROGRAMS) this.#publish(program);
    });
    this.#sometimes(9_000, () => {
      const source = this.#sources.get(random.pick(PROGRAMS));
      if (source?.isOn !== true) return;
      oracle.count('faults: broadcasters lost');
      oracle.interrupted();
      source.drop('dropped');
      if (random.chance(0.8)) time.after(random.between(100, AWAY_MS - 200), () => this.#publish(source.program));
    });
    this.#sometimes(25_000, () => {
      const source = this.#sources.get(random.pick(PROGRAMS));
      const studio = source?.studio;
      if (source?.isOn !== true || studio === undefined) return;
      oracle.interrupted();
      source.drop('unpublished');
      if (random.chance(0.7)) studio.broadcasts.end(source.program, 'broadcast-ended');
    });
  }

  /** The broadcaster of a program, if it is not on, at the encryptor where it was last or at any. */
  #publish(program: string): void {
    const { random, time, deployment, isClosing } = this.#world;
    const known = this.#sources.get(program);
    if (isClosing || known?.isOn) return;
    const source = known ?? new SimSource(program, `broadcaster ${this.#made++}`, time, random);
    this.#sources.set(program, source);
    const studios = deployment.studios();
    const before = studios.find((studio) => studio === source.studio);
    if (studios.length > 0) void source.publish(random.chance(0.8) && before ? before : random.pick(studios));
  }

  /** Whoever must not broadcast: with a wrong key, of a program that is none, or where somebody broadcasts already. */
  #attackers(): void {
    const { random, deployment } = this.#world;
    this.#sometimes(4_000, () => {
      const studios = deployment.studios();
      if (studios.length === 0) return;
      const program = random.pick(PROGRAMS);
      const how = random.pick(['wrong key', 'unknown program', 'second publisher'] as const);
      void this.#attack(program, how, random.pick(studios));
    });
  }

  async #attack(
    program: string,
    how: 'wrong key' | 'unknown program' | 'second publisher',
    studio: ReturnType<SimWorld['deployment']['studios']>[number],
  ): Promise<void> {
    const { random, time, oracle } = this.#world;
    const target = how === 'unknown program' ? 'weather' : program;
    const key = how === 'wrong key' ? 'a guess' : streamKeyOf(program);
    const attacker = new SimSource(target, `attacker ${this.#made++}`, time, random, key);
    oracle.count(`publishers refused: ${how}`);
    const refusal = await attacker.publish(studio);
    if (refusal !== undefined) return;
    const owner = this.#sources.get(program);
    const isFree = owner?.isOn !== true || owner.studio !== studio;
    // Who has the right key, and came where there was nobody any more, is a broadcaster; this one has nothing to send.
    if (how === 'second publisher' && isFree) {
      oracle.interrupted();
      attacker.drop('unpublished');
    } else oracle.fail(9, `a publisher was let in: ${how}`);
  }

  #operator(): void {
    const { random, deployment, oracle } = this.#world;
    this.#sometimes(15_000, () => {
      const sessions = [...(deployment.server?.authority.sessions() ?? [])].filter(({ isOver }) => !isOver);
      if (sessions.length === 0) return;
      const session = random.pick(sessions);
      oracle.closed(session.id);
      oracle.count('viewings revoked');
      session.dispatch({ type: 'end', reason: 'revoked' });
    });
  }

  #network(): void {
    const { random, time, deployment, oracle } = this.#world;
    this.#sometimes(25_000, () => this.#world.killEdge(random.pick(['e1', 'e2'])));
    this.#sometimes(30_000, () => {
      for (const { id } of deployment.server?.authority.sessions() ?? []) oracle.gaveAway(id, 'outage');
      const forMs = random.between(200, 6_000);
      oracle.count('faults: bus out');
      oracle.outageBegan();
      oracle.interrupted();
      time.after(forMs, () => {
        oracle.outageEnded();
        oracle.interrupted();
      });
      deployment.bus.outage(forMs);
    });
    // An edge that makes bills up: of viewings that were never sent there.
    this.#sometimes(8_000, () => {
      const { authority } = deployment.server ?? {};
      const edge = random.pick(['e1', 'e2']);
      const process = deployment.edges.get(edge)?.process;
      const others = [...(authority?.sessions() ?? [])].filter(({ id }) => !oracle.wasSentTo(id, edge));
      if (others.length === 0 || process?.isAlive !== true) return;
      oracle.count('cheats: edges that report what others served');
      const { id, terms } = random.pick(others);
      oracle.madeUp(id, edge);
      const toMs = process.nowMs();
      const spans = [[id, Math.max(0, toMs - 3_000), toMs] as const];
      deployment.bus.endOf(process).deliveries.publish({ edge, kind: 'served', program: terms.program, epoch: 1, spans });
    });
  }

  #encryptors(): void {
    const { random, time, deployment } = this.#world;
    const one = () => random.pick(['main', 'spare']);
    this.#sometimes(12_000, () => deployment.cutLine(one()));
    this.#sometimes(30_000, () => deployment.cutLines(random.between(500, 12_000)));
    this.#sometimes(30_000, () => deployment.killStudio(one()));
    this.#sometimes(40_000, () => deployment.revoke(one(), random.between(1_000, 8_000)));
    // The same broadcaster at another encryptor, while it is still on at the first: a second one takes over.
    this.#sometimes(15_000, () => {
      const program = random.pick(PROGRAMS);
      const before = this.#sources.get(program);
      const elsewhere = deployment.studios().filter((studio) => studio !== before?.studio);
      if (before?.isOn !== true || elsewhere.length === 0) return;
      const next = new SimSource(program, `broadcaster ${this.#made++}`, time, random);
      this.#world.oracle.count('faults: second encryptors');
      this.#world.oracle.interrupted();
      void next.publish(random.pick(elsewhere)).then((refusal) => {
        if (refusal !== undefined) return;
        this.#sources.set(program, next);
        time.after(random.between(0, 8_000), () => before.drop('dropped'));
      });
    });
  }

  /** Again and again, about so often. */
  #sometimes(everyMs: number, run: () => void): void {
    const { time, random } = this.#world;
    const next = () => {
      time.after(random.between(everyMs / 4, everyMs * 2), () => {
        if (this.#world.isClosing) return;
        run();
        next();
      });
    };
    next();
  }
}
