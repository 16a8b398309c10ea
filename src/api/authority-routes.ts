import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authority } from '../authority/authority.ts';
import type { ViewingSession } from '../authority/viewing-session.ts';
import { messageOf, TollcastError } from '../errors.ts';
import type { LiveViewing, LiveViewingList } from '../protocol/live-viewing.ts';
import type { TokenVerifier } from '../tokens/token-verifier.ts';

type Tokens = Pick<TokenVerifier, 'operator'>;

/** What viewers ask before they watch, and what operators see and do (docs/PROTOCOL.md, "HTTP"). */
export function serveAuthority(app: FastifyInstance, authority: Authority, tokens: Tokens): void {
  app.get('/v1/programs', () => ({ programs: authority.list() }));
  const operator = { onRequest: (request: FastifyRequest) => requireOperator(request, tokens) };
  app.get('/v1/viewings', operator, (): LiveViewingList => ({ viewings: [...authority.sessions()].map(liveViewing) }));
  app.delete<{ Params: { viewing: string } }>('/v1/viewings/:viewing', operator, ({ params }, reply) => {
    const session = authority.viewing(params.viewing);
    if (session === undefined) return reply.code(404).send({ code: 'viewing-unknown', message: 'no such viewing is under way' });
    session.dispatch({ type: 'end', reason: 'revoked' });
    return reply.code(204).send();
  });
}

async function requireOperator({ headers }: FastifyRequest, tokens: Tokens): Promise<void> {
  const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw new TollcastError('unauthorized', 'send an operator token: Authorization: Bearer …');
  await tokens.operator(token).catch((error) => {
    throw new TollcastError('unauthorized', `the operator token is not valid: ${messageOf(error)}`);
  });
}

const liveViewing = (session: ViewingSession): LiveViewing => ({
  viewing: session.id,
  viewer: session.terms.viewer,
  program: session.terms.program,
  broadcast: session.terms.broadcast,
  phase: session.state.phase,
  confirmedEpoch: session.state.confirmedEpoch ?? null,
  connected: session.state.lostMs === undefined,
  usage: session.usage(),
});
