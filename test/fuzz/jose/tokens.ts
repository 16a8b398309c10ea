import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { createLocalJWKSet, type JWK } from 'jose';
import { Refusal } from '../../../src/protocol/refusal.ts';
import type { TokenIssuer } from '../../../src/tokens/token-issuer.ts';
import { kidOf, tokenSecret } from '../../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../../src/tokens/token-verifier.ts';
import type { Random } from '../../sim/random.ts';
import { oddValue } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { changedPart, decoded, encoded, es256, hs256, inputOf, mutatedCompact, signedCompact, trickedHeader } from './compact.ts';

/** Somebody whose signature counts. */
interface Signer {
  readonly header: object;
  readonly issuer: string;
  readonly audience: string;
  readonly sign: (input: string) => string;
}

const EXP = Math.floor(Date.now() / 1_000) + 10 * 365 * 86_400;

const CODES: ReadonlySet<string> = new Set(['token-invalid', 'token-expired']);

const publicJwk = (key: KeyObject): JWK => key.export({ format: 'jwk' }) as JWK;

/** Viewers' and operators' tokens: what is accepted was signed as it is by who may, and says what was signed. */
class TokenSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #signers: readonly Signer[];
  readonly #verifier: TokenVerifier;
  /** Signing inputs of tokens that are good, by what they are good for. */
  readonly #viewers = new Set<string>();
  readonly #operators = new Set<string>();
  readonly #corpus: string[] = [];
  /** What an attacker has: the issuers' public keys, and a key pair of its own. */
  readonly #guesses: readonly ((input: string) => string)[];

  constructor() {
    const secrets = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)];
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const ed = generateKeyPairSync('ed25519');
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issuer = (name: string, alg: string, key: KeyObject): TokenIssuer => ({
      issuer: name,
      audience: 'tollcast',
      algorithms: ['ES256', 'EdDSA', 'RS256'],
      keys: createLocalJWKSet({ keys: [{ ...publicJwk(key), alg, kid: name }] }),
    });
    const issuers = [
      issuer('shop', 'ES256', ec.publicKey),
      issuer('press', 'RS256', rsa.publicKey),
      issuer('club', 'EdDSA', ed.publicKey),
    ];
    this.#verifier = new TokenVerifier({ valid: () => secrets.map(tokenSecret) }, issuers);
    const by = (name: string, header: object, sign: Signer['sign']): Signer => ({
      header,
      issuer: name,
      audience: 'tollcast',
      sign,
    });
    const raw = (key: KeyObject, hash: string | null) => (input: string) =>
      signBytes(hash, Buffer.from(input), key).toString('base64url');
    this.#signers = [
      ...secrets.map((secret) => by('tollcast', { alg: 'HS256', kid: kidOf(secret) }, hs256(secret))),
      by('shop', { alg: 'ES256', kid: 'shop' }, es256(ec.privateKey)),
      by('press', { alg: 'RS256', kid: 'press' }, raw(rsa.privateKey, 'sha256')),
      by('club', { alg: 'EdDSA', kid: 'club' }, raw(ed.privateKey, null)),
    ];
    const pem = [ec, rsa, ed].map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }).toString());
    const shown = [...pem, JSON.stringify(publicJwk(ec.publicKey)), '', 'secret', kidOf(secrets[0] ?? new Uint8Array())];
    this.#guesses = [...shown.map(hs256), es256(mine.privateKey), () => ''];
    this.#sign(JSON.stringify(publicJwk(mine.publicKey)));
  }

  async input(random: Random): Promise<void> {
    const token = this.#made(random);
    await this.#viewer(token);
    if (random.chance(0.2)) await this.#operator(token);
  }

  async close(): Promise<void> {}

  /** Good tokens of every signer, and some that are good no more. */
  #sign(mine: string): void {
    for (const { header, issuer, audience, sign } of this.#signers) {
      const claims = { iss: issuer, aud: audience, sub: 'alice', jti: 'j1', exp: EXP };
      const own = [
        { ...claims, program: 'news' },
        { ...claims, program: ['news', 'sport'], cap: '12.50', cnf: { jkt: 'x'.repeat(43) } },
        { ...claims, program: 'news', aud: ['other', audience], sub: 'é'.repeat(200), nbf: 1 },
      ];
      for (const payload of own) {
        const token = signedCompact({ ...header, typ: 'viewer+jwt' }, payload, sign);
        this.#viewers.add(inputOf(token));
        this.#corpus.push(token);
      }
      const operator = signedCompact({ ...header, typ: 'operator+jwt' }, claims, sign);
      if (issuer === 'tollcast') this.#operators.add(inputOf(operator));
      const over = signedCompact({ ...header, typ: 'viewer+jwt' }, { ...own[0], exp: 1_000 }, sign);
      const jwk = signedCompact({ ...header, typ: 'viewer+jwt', jwk: JSON.parse(mine) }, own[0], sign);
      this.#viewers.add(inputOf(jwk));
      this.#corpus.push(operator, over, jwk);
    }
  }

  #made(random: Random): string {
    const token = random.pick(this.#corpus);
    const [header = '', payload = ''] = token.split('.');
    const kind = random.next();
    if (kind < 0.02) return token;
    if (kind < 0.15)
      return signedCompact(
        this.#otherHeader(random, header),
        random.chance(0.5) ? decoded(payload) : changedPart(random, payload),
        random.pick(this.#guesses),
      );
    if (kind < 0.3) return this.#signersMistake(random, payload);
    return mutatedCompact(random, token, this.#corpus);
  }

  #otherHeader(random: Random, header: string): unknown {
    const tricked = trickedHeader(random, JSON.parse(decoded(header)));
    return random.chance(0.5) ? { ...tricked, alg: 'HS256' } : tricked;
  }

  /** Who may sign signs what it should not. */
  #signersMistake(random: Random, payload: string): string {
    const { header, issuer, audience, sign } = random.pick(
      this.#signers.filter(({ issuer: name }) => name !== 'press' || random.chance(0.1)),
    );
    const claims = random.chance(0.5)
      ? {
          ...JSON.parse(decoded(payload)),
          iss: issuer,
          aud: audience,
          ...(random.chance(0.1)
            ? { [random.pick(['sub', 'jti'])]: 'shop|bob' }
            : { [random.pick(['sub', 'program', 'jti', 'exp', 'cnf', 'cap'])]: oddValue(random) }),
        }
      : changedPart(random, payload);
    const token = signedCompact({ ...header, typ: random.chance(0.9) ? 'viewer+jwt' : 'operator+jwt' }, claims, sign);
    this.#now = inputOf(token);
    return token;
  }

  /** What was signed just now. */
  #now = '';

  async #viewer(token: string): Promise<void> {
    let accepted: Awaited<ReturnType<TokenVerifier['viewer']>>;
    try {
      accepted = await this.#verifier.viewer(token);
    } catch (error) {
      if (!(error instanceof Refusal)) throw new Error('a token led to another error', { cause: error });
      if (!CODES.has(error.code)) throw new Error(`a token was refused with ${error.code}`);
      if (this.#viewers.has(inputOf(token)) && this.#corpus.includes(token))
        throw new Error(`a good token was refused: ${error.message}`);
      this.outcomes.count(error.code);
      return;
    }
    const input = inputOf(token);
    if (!this.#viewers.has(input) && input !== this.#now) throw new Error(`accepted, though nobody signed it: ${token}`);
    const [header, payload] = input.split('.').map((part) => JSON.parse(decoded(part)));
    const prefix = payload.iss === 'tollcast' ? '' : `${payload.iss}|`;
    const said = {
      viewer: prefix + payload.sub,
      programs: [payload.program].flat(),
      id: prefix + payload.jti,
      ...(payload.cnf === undefined ? {} : { device: payload.cnf.jkt }),
      ...(payload.cap === undefined ? {} : { cap: payload.cap }),
    };
    if (encoded(said) !== encoded(accepted)) throw new Error(`${JSON.stringify(accepted)} from ${JSON.stringify(payload)}`);
    if (header.typ !== 'viewer+jwt' || !(payload.exp * 1_000 > Date.now()))
      throw new Error(`accepted: ${JSON.stringify({ header, payload })}`);
    if (prefix === '' && /^(shop|press|club)\|/.test(accepted.viewer))
      throw new Error(`the relay's own token names ${accepted.viewer}`);
    this.outcomes.count(input === this.#now ? 'accepted-new' : 'accepted');
  }

  async #operator(token: string): Promise<void> {
    try {
      await this.#verifier.operator(token);
    } catch {
      this.outcomes.count('operator-refused');
      return;
    }
    const input = inputOf(token);
    const [header, payload] = input.split('.').map((part) => JSON.parse(decoded(part)));
    const isGood =
      this.#operators.has(input) || (input === this.#now && header.typ === 'operator+jwt' && payload.iss === 'tollcast');
    if (!isGood) throw new Error(`accepted as an operator: ${token}`);
    this.outcomes.count('operator');
  }
}

export const tokens: FuzzTarget = {
  name: 'tokens',
  description: "viewers' and operators' tokens, of the relay and of other issuers",
  open: async () => new TokenSession(),
};
