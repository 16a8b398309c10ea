/** Every bound that the viewer's client works within. Waits are milliseconds, sizes are bytes. */

/** From opening a control socket to its `hello`, and from a request to its answer. */
export const ANSWER_WITHIN_MS = 10_000;
/** From `stop` to `ended`. */
export const STOP_WITHIN_MS = 5_000;
/** Chunks sent before the end may still be under way on the media socket when `ended` arrives on the control socket. */
export const LAST_CHUNKS_WITHIN_MS = 500;
/** How long lost sockets are tried again before the client gives up. */
export const RECONNECT_FOR_MS = 120_000;
/** A media socket that brings nothing for this long, while the broadcaster is not away, is taken for dead. */
export const MEDIA_SILENCE_MS = 10_000;

/**
 * A browser cannot see the server's pings, so a dead control socket shows by missing key updates only. Before the period is
 * known, silence may last this long; then some periods. Being wrong costs one resume.
 */
export const FIRST_SILENCE_MS = 60_000;
export const LEAST_SILENCE_MS = 15_000;
export const SILENT_PERIODS = 3;

/** Messages from the server that wait to be acted on. */
export const MAX_WAITING_MESSAGES = 64;
/** Current and next epoch, and room for updates that run ahead of a picture that stands still. */
export const MAX_HELD_KEYS = 4;
export const MAX_MEDIA_MESSAGE_BYTES = 20 * 1024 * 1024;
/** Chunks handed to WebCrypto and not yet open. */
export const MAX_OPENING_BYTES = 32 * 1024 * 1024;
/** FLV bytes that wait for whoever reads them: about 50 s of a 2.7 Mbit/s broadcast. */
export const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** The answer to `GET /v1/programs`. */
export const MAX_PROGRAMS_BYTES = 1024 * 1024;
