-- Format 2 of the spool. Times are milliseconds since 1970 UTC; ids rise with time.

-- The bytes of a message, stored once however many recipients it has.
CREATE TABLE content (id INTEGER PRIMARY KEY, head BLOB NOT NULL, body BLOB NOT NULL);

-- Messages that never waited: every recipient is being attempted since the commit. The fast path is
-- one row in, one row out, and no secondary index. A restart turns what is here into `message` rows.
CREATE TABLE fresh (
  id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, origin INTEGER NOT NULL, size INTEGER NOT NULL,
  recipients INTEGER NOT NULL, facts BLOB NOT NULL, plan BLOB NOT NULL);

-- Messages with at least one recipient that waits, waited or is held. `remaining` counts its recipient rows.
CREATE TABLE message (
  id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, origin INTEGER NOT NULL, size INTEGER NOT NULL,
  remaining INTEGER NOT NULL, facts BLOB NOT NULL);

-- Recipients of those. `due` is null while an operator holds the recipient. `doubts` counts attempts whose
-- final dot got no reply. Leases are not on disk.
CREATE TABLE recipient (
  message INTEGER NOT NULL, idx INTEGER NOT NULL, destination TEXT NOT NULL, due INTEGER,
  attempts INTEGER NOT NULL, delay_told INTEGER NOT NULL, reason TEXT NOT NULL,
  doubts INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (message, idx)) WITHOUT ROWID;
CREATE INDEX recipient_due ON recipient (due, destination) WHERE due IS NOT NULL;
CREATE INDEX recipient_destination ON recipient (destination, due) WHERE due IS NOT NULL;
CREATE INDEX recipient_held ON recipient (destination) WHERE due IS NULL;

-- Destinations that an operator holds: what comes to wait there is held as well, until they are released.
CREATE TABLE hold (destination TEXT PRIMARY KEY) WITHOUT ROWID;

-- What was tried, the newest few of each message.
CREATE TABLE attempt (
  message INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, took INTEGER NOT NULL,
  host TEXT NOT NULL, outcomes BLOB NOT NULL, transcript TEXT NOT NULL,
  PRIMARY KEY (message, number)) WITHOUT ROWID;

-- How many there are, so that nobody has to count them.
CREATE TABLE tally (messages INTEGER NOT NULL, recipients INTEGER NOT NULL);
INSERT INTO tally VALUES (0, 0);
