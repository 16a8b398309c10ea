import type { Logger } from 'pino';
import { type HttpServer, httpServer } from '../../src/api/http-server.ts';
import { Metrics } from '../../src/api/metrics.ts';
import { systemTimers, type Timers } from '../../src/clock.ts';
import { http } from '../../src/config/sections.ts';

/** As every role has one, with the limits that it has unless it is configured otherwise. */
export function anHttpServer(log: Logger, allowedOrigins: readonly string[] = [], timers: Timers = systemTimers): HttpServer {
  const section = http.parse({});
  const ports = { metrics: new Metrics(), log, allowedOrigins, timeouts: section, timers, notReady: () => undefined };
  return httpServer(ports, section);
}
