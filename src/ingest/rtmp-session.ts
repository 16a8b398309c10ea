import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock, Timers } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import type { FlvTag } from '../media/flv.ts';
import { IdleTimer } from './idle-timer.ts';
import type { IngestLimits } from './limits.ts';
import { isMedia, tagsOf } from './message-tags.ts';
import type { PublicationEnd, PublicationSink, PublishDecision, PublishRequest, Refusal } from './publication.ts';
import { isLiveApp, PUBLISH_URL_HINT, type PublishTarget, publishTarget } from './publish-target.ts';
import { type Command, type ConnectObject, connectObjectOf, decodeCommand, streamNameOf } from './rtmp-command.ts';
import { type ConnectionListener, RtmpConnection, refusalOf } from './rtmp-connection.ts';
import { isCommand, type RtmpMessage } from './rtmp-message.ts';
import { malformed } from './rtmp-reader.ts';
import * as reply from './rtmp-replies.ts';

/** What a session needs of the server that it belongs to. */
export interface SessionPorts {
  readonly limits: IngestLimits;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Timers;
  readonly log: Logger;
  publish(request: PublishRequest): Promise<PublishDecision> | PublishDecision;
  /** We close the connection, for this reason. Once at most. */
  refused(code: string): void;
}

/** How far a connection has come. */
type Phase =
  | { readonly name: 'connecting' }
  | { readonly name: 'connected'; readonly connect: ConnectObject }
  /** `publish` is being decided on: nothing is read, and what was read with it waits. */
  | { readonly name: 'deciding'; readonly target: PublishTarget }
  | {
      readonly name: 'publishing';
      readonly target: PublishTarget;
      readonly streamId: number;
      readonly sink: PublicationSink;
      readonly idle: IdleTimer;
    }
  /** Whatever still comes is ignored. */
  | { readonly name: 'closed' };

/**
 * One broadcaster's connection, from accept to close (RTMP 1.0; DESIGN.md, section 4, "Ingest"): `connect`, `createStream`, `publish`,
 * then media. Whatever goes wrong in it ends this one connection.
 */
export class RtmpSession implements ConnectionListener {
  readonly #connection: RtmpConnection;
  readonly #remoteAddress: string;
  readonly #ports: SessionPorts;
  readonly #cancelHandshakeTimeout: () => void;
  #phase: Phase = { name: 'connecting' };
  /** Messages that were read and not handled yet. */
  #waiting: readonly RtmpMessage[] = [];
  /** What the current read has brought for the sink. */
  #tags: FlvTag[] = [];
  #streams = 0;

  constructor(socket: Socket, remoteAddress: string, ports: SessionPorts) {
    this.#remoteAddress = remoteAddress;
    this.#ports = ports;
    const { limits, timers } = ports;
    this.#cancelHandshakeTimeout = timers.after(limits.handshakeTimeoutMs, () => {
      this.kick({ code: 'handshake-timeout', message: `nothing was published within ${limits.handshakeTimeoutMs} ms` });
    });
    this.#connection = new RtmpConnection(socket, limits, timers, this);
  }

  onMessages(messages: readonly RtmpMessage[]): void {
    if (this.#phase.name === 'publishing') this.#phase.idle.touch();
    this.#waiting = [...this.#waiting, ...messages];
    this.#handleWaiting();
  }

  onFailure(why: Refusal): void {
    this.kick(why);
  }

  onClose(): void {
    this.#leave('dropped');
  }

  /** Handles what was read, up to a `publish`: what follows that must wait for the decision. */
  #handleWaiting(): void {
    let handled = 0;
    for (const message of this.#waiting) {
      if (this.#phase.name === 'deciding' || this.#phase.name === 'closed') break;
      handled++;
      this.#handle(message);
    }
    this.#waiting = this.#waiting.slice(handled);
    this.#handOver();
  }

  #handle(message: RtmpMessage): void {
    if (isCommand(message)) this.#obey(decodeCommand(message), message.streamId);
    if (!isMedia(message)) return;
    if (this.#phase.name !== 'publishing') throw new TollcastError('not-publishing', 'media came without a publish before it');
    this.#tags.push(...tagsOf(message));
  }

  #obey(command: Command, streamId: number): void {
    switch (command.name) {
      case 'connect':
        this.#connect(command);
        break;
      case 'releaseStream':
      case 'FCPublish':
        this.#connection.send(reply.done(command.transaction));
        break;
      case 'createStream':
        this.#streams++;
        this.#connection.send(reply.streamCreated(command.transaction, this.#streams));
        break;
      case 'publish':
        this.#publish(command, streamId);
        break;
      case 'play':
      case 'play2':
        this.#refusePlay(streamId);
        break;
      case 'FCUnpublish':
      case 'deleteStream':
      case 'closeStream':
        this.#unpublish();
        break;
      default:
      // Encoders try _checkbw, getStreamLength and others, and go on without an answer.
    }
  }

  #connect(command: Command): void {
    if (this.#phase.name !== 'connecting') throw malformed('connected twice');
    const connect = connectObjectOf(command);
    if (isLiveApp(connect)) {
      this.#phase = { name: 'connected', connect };
      this.#connection.send(reply.connected(command.transaction));
    } else {
      this.#connection.send(reply.connectRejected(command.transaction, PUBLISH_URL_HINT));
      this.kick({ code: 'unknown-app', message: PUBLISH_URL_HINT });
    }
  }

  #refusePlay(streamId: number): void {
    // Before that it would not know in what chunks the answer comes.
    if (this.#phase.name === 'connected') this.#connection.send(reply.playFailed(streamId));
    this.kick({ code: 'play-refused', message: 'this port takes broadcasts and plays none' });
  }

  #publish(command: Command, streamId: number): void {
    if (this.#phase.name === 'publishing') {
      throw new TollcastError('already-publishing', 'a connection publishes one program: open another for another');
    }
    if (this.#phase.name !== 'connected') throw malformed('published before it connected');
    const target = publishTarget(this.#phase.connect, streamNameOf(command));
    if (target === undefined) {
      this.#refusePublish({ code: 'program-unknown', message: PUBLISH_URL_HINT }, streamId);
      return;
    }
    this.#phase = { name: 'deciding', target };
    this.#connection.pause();
    void this.#decide(target, streamId);
  }

  async #decide(target: PublishTarget, streamId: number): Promise<void> {
    const decision = await this.#askToPublish(target);
    if (this.#phase.name !== 'deciding') {
      if (decision.accepted) decision.sink.end('dropped');
      return;
    }
    this.#connection.resume();
    if (decision.accepted) this.#begin(target, streamId, decision.sink);
    else this.#refusePublish(decision, streamId);
  }

  async #askToPublish(target: PublishTarget): Promise<PublishDecision> {
    try {
      return await this.#ports.publish({ ...target, remoteAddress: this.#remoteAddress });
    } catch (error) {
      this.#ports.log.error({ err: error, program: target.program }, 'a publish could not be decided on');
      return { accepted: false, code: 'internal', message: 'the relay could not begin the broadcast: try again' };
    }
  }

  #begin(target: PublishTarget, streamId: number, sink: PublicationSink): void {
    const { limits, clock, timers, log } = this.#ports;
    this.#cancelHandshakeTimeout();
    const idle = new IdleTimer(limits.idleTimeoutMs, clock, timers, () => {
      this.kick({ code: 'idle-timeout', message: `nothing came for ${limits.idleTimeoutMs} ms` });
    });
    this.#phase = { name: 'publishing', target, streamId, sink, idle };
    this.#connection.authorize();
    sink.onDrain(() => {
      idle.resume();
      this.#connection.resume();
    });
    sink.onKick((why) => this.kick(why));
    log.info({ program: target.program, remoteAddress: this.#remoteAddress }, 'publishing');
    this.#connection.send(reply.publishStarted(streamId, target.program));
    try {
      this.#handleWaiting();
    } catch (error) {
      this.kick(refusalOf(error));
    }
  }

  /** One read's tags in one piece: the chunker seals together what came together. */
  #handOver(): void {
    if (this.#tags.length === 0 || this.#phase.name !== 'publishing') return;
    const tags = this.#tags;
    this.#tags = [];
    const { sink, idle } = this.#phase;
    if (sink.write(tags)) return;
    idle.suspend();
    this.#connection.pause();
  }

  /** The broadcaster is finished. */
  #unpublish(): void {
    if (this.#phase.name !== 'publishing') return;
    this.#handOver();
    this.#connection.send(reply.unpublished(this.#phase.streamId, this.#phase.target.program));
    this.#leave('unpublished');
    this.#connection.close();
  }

  #refusePublish(why: Refusal, streamId: number): void {
    this.#connection.send(reply.publishRefused(streamId, why));
    this.kick(why);
  }

  /** Closes the connection for a reason, which a publisher is told, and the operator's log. */
  kick(why: Refusal): void {
    if (this.#phase.name === 'closed') return;
    if (this.#phase.name === 'publishing') this.#connection.send(reply.publishRefused(this.#phase.streamId, why));
    const program = 'target' in this.#phase ? this.#phase.target.program.slice(0, MAX_LOGGED_CHARS) : undefined;
    this.#ports.log.warn({ remoteAddress: this.#remoteAddress, program, code: why.code }, `connection closed: ${why.message}`);
    this.#ports.refused(why.code);
    this.#leave('dropped');
    this.#connection.close();
  }

  #leave(how: PublicationEnd): void {
    const phase = this.#phase;
    if (phase.name === 'closed') return;
    this.#phase = { name: 'closed' };
    this.#cancelHandshakeTimeout();
    this.#waiting = [];
    this.#tags = [];
    if (phase.name !== 'publishing') return;
    phase.idle.cancel();
    this.#ports.log.info({ program: phase.target.program, remoteAddress: this.#remoteAddress, how }, 'publishing ended');
    phase.sink.end(how);
  }
}

const MAX_LOGGED_CHARS = 64;
