import * as z from 'zod';
import { Usage } from './messages.ts';

/** `GET /v1/viewings`, one viewing that is under way. */
export const LiveViewing = z.object({
  viewing: z.string(),
  viewer: z.string(),
  program: z.string(),
  broadcast: z.string(),
  /** `offered` until its first receipt is durable, from which on it is charged. */
  phase: z.enum(['offered', 'started', 'ending', 'ended']),
  /** The last epoch whose receipt is durable. */
  confirmedEpoch: z.int().min(1).nullable(),
  /** Whether its control socket is there. */
  connected: z.boolean(),
  usage: Usage,
});

export type LiveViewing = z.infer<typeof LiveViewing>;

export const LiveViewingList = z.object({ viewings: z.array(LiveViewing) });

export type LiveViewingList = z.infer<typeof LiveViewingList>;
