/** What a shell gets back; the same for every command. */
export const ExitCode = {
  ok: 0,
  /** It failed, was refused, or `ledger verify` found a fault. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  usage: 2,
  /** `view`: the viewing had begun and was ended by something other than a stop. */
  cutOff: 3,
  /** Added to the number of the signal that ended it at once. */
  signal: 128,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  done
  1  failed or refused, or a fault was found in the ledger
  2  the command line or the configuration is wrong
  3  view: the viewing was ended by something other than a stop

What is wrong is one line on stderr; --debug adds where it comes from.`;
