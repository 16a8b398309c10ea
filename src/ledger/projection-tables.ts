/** The viewings of one token, for its spending cap: looked up while a viewer waits to watch. */
export const CREATE_TOKEN_INDEX = 'CREATE INDEX IF NOT EXISTS viewing_of_token ON viewing (token)';

/**
 * Tables that are convenient to query, made from the entries alone (DESIGN.md, section 4, "Ledger"). Ids are the `seq` of the
 * entry that made the row, so that a rebuild gives the same ids. `…_ms` are monotonic milliseconds of the row's boot.
 */
export const CREATE_PROJECTIONS = `
  CREATE TABLE boot (
    id             INTEGER PRIMARY KEY,
    boot           TEXT NOT NULL UNIQUE,
    version        TEXT,              -- NULL: a writer that does not bill, such as the command line
    wall_anchor_ms INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL   -- last sign of life: its latest entry, of whatever kind
  ) STRICT;

  CREATE TABLE program (
    name            TEXT PRIMARY KEY,
    title           TEXT NOT NULL,
    tariff          TEXT NOT NULL,
    stream_key_hash TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE encryptor (
    name        TEXT PRIMARY KEY,
    programs    TEXT NOT NULL,        -- JSON, an array of names
    secret_hash TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE broadcast (
    id         INTEGER PRIMARY KEY,
    broadcast  TEXT NOT NULL UNIQUE,
    program    TEXT NOT NULL,
    charged_as INTEGER NOT NULL,      -- the broadcast that it goes on with, or itself: their viewings are one charge
    boot       INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    epoch      INTEGER,               -- the one that was begun last
    ended_ms   INTEGER,
    ended_by   TEXT
  ) STRICT;
  CREATE INDEX broadcast_open ON broadcast (id) WHERE ended_ms IS NULL;

  CREATE TABLE epoch (
    program   TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    broadcast INTEGER,
    begun_ms  INTEGER,
    next_ms   INTEGER,                -- when the next one of its broadcast was begun
    PRIMARY KEY (program, epoch)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE viewing (
    id           INTEGER PRIMARY KEY,
    viewing      TEXT NOT NULL UNIQUE,
    viewer       TEXT NOT NULL,
    program      TEXT NOT NULL,
    broadcast    INTEGER NOT NULL,
    charged_as   INTEGER NOT NULL,
    boot         INTEGER NOT NULL,
    tariff       TEXT NOT NULL,
    token        TEXT NOT NULL,
    consented_ms INTEGER NOT NULL,
    started_ms   INTEGER,
    ended_ms     INTEGER,
    ended_by     TEXT
  ) STRICT;
  CREATE INDEX viewing_in_order ON viewing (viewer, charged_as, id);
  CREATE INDEX viewing_open ON viewing (id) WHERE ended_ms IS NULL;
  ${CREATE_TOKEN_INDEX};

  CREATE TABLE receipt (
    viewing INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (viewing, epoch)
  ) STRICT, WITHOUT ROWID;

  -- Reports that go on where one before them ended are one row.
  CREATE TABLE served (
    viewing INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms   INTEGER NOT NULL,
    PRIMARY KEY (viewing, from_ms)
  ) STRICT, WITHOUT ROWID;

  -- What each receipt confirms: from the later of its own time and its epoch's beginning, to the epoch's end; while that
  -- lasts, to the boot's last sign of life. from_ms is NULL for an epoch that never began: it confirms nothing.
  CREATE VIEW confirmed AS
    SELECT v.id AS viewing, v.viewer, v.broadcast, v.program, v.token, r.epoch,
           max(r.at_ms, e.begun_ms) AS from_ms,
           min(coalesce(e.next_ms, b.ended_ms, boot.last_ms), coalesce(b.ended_ms, e.next_ms, boot.last_ms)) AS to_ms
      FROM viewing v
     CROSS JOIN boot ON boot.id = v.boot
     CROSS JOIN broadcast b ON b.id = v.broadcast
     CROSS JOIN receipt r ON r.viewing = v.id
      LEFT JOIN epoch e ON e.program = v.program AND e.epoch = r.epoch AND e.broadcast = v.broadcast;
`;

/** Every projection and the columns that order its rows. */
export const PROJECTIONS = [
  { table: 'boot', key: 'id' },
  { table: 'program', key: 'name' },
  { table: 'encryptor', key: 'name' },
  { table: 'broadcast', key: 'id' },
  { table: 'epoch', key: 'program, epoch' },
  { table: 'viewing', key: 'id' },
  { table: 'receipt', key: 'viewing, epoch' },
  { table: 'served', key: 'viewing, from_ms' },
] as const;
