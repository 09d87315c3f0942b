# The state of database and repositories as one document, from what was seen of them (common: state_of).
def kind: {full: "full", diff: "differential", incr: "incremental"}[.] // .;

def backups($info; $number):
  [$info.backup[]? | select(.database["repo-key"] == $number) | {
    label,
    kind: (.type | kind),
    started: .timestamp.start,
    stopped: .timestamp.stop,
    database_bytes: .info.size,
    repository_bytes: (.info.repository.delta // 0),
    wal_from: .archive.start,
    wal_to: .archive.stop,
    damaged: (.error == true or ($verified[$number | tostring][.label].damaged // false)),
    note: (.annotation.note // ""),
    verified: ($verified[$number | tostring][.label].at // null)
  }];

# In one line, once; of a store that refuses, its own words instead of the whole exchange.
def plain:
  (gsub("\\s+"; " ") | sub(" \\[\\w+\\] on (\\d+ retries|retry) .*"; "")) as $said
  | ($said | capture("^(?<what>.*?):? \\*\\*\\* Path/Query.*<Code>(?<code>[^<]*)</Code>.*?<Message>(?<words>[^<]*)</Message>")
      | "\(.what): \(.code): \(.words)")
    // $said;

def status($info; $number; $system):
  ([$info.repo[]? | select(.key == $number) | .status] | first // {code: 99, message: ($info.error // "pgBackRest says nothing of it")})
    as $said
  | ([$info.db[]? | select(.["repo-key"] == $number)] | sort_by(.id) | last // null) as $newest
  | if $said.code == 1 then {status: "empty", message: "nothing is in it yet"}
    elif ($said.code | IN(0, 2) | not) then {status: "unusable", message: ($said.message | plain)}
    elif $newest != null and $system != "0" and ($newest["system-id"] | tostring) != $system then
      {status: "other-database", message: "it holds the backups of another database (\($newest["system-id"])); this one is \($system)"}
    else {status: "ok", message: (if $said.code == 2 then "no backup yet" else "" end)} end;

($info[0][0] // {}) as $said
| $database[0] as $db
| (if $db.reachable then $db.system_id else $known end) as $system
| {
    moment: $moment,
    archive_timeout: ($db.archive_timeout // $archive_timeout),
    schedule: {at: $at, full: $full, differential: $differential, incremental: $incremental, drill: $drill},
    running: $running,
    database: {
      reachable: $db.reachable,
      timeline: ($db.timeline // null),
      system_id: (if $system == "0" then null else $system end),
      archiving: ($db.archiving // null)
    },
    repositories: [
      $repositories[] | . as $repository | .number as $number
      | backups($said; $number) as $made
      | $gaps[$number | tostring] as $gap
      | status($said; $number; $system) + {
          number: $number,
          kind: .kind,
          archive: (
            [$said.archive[]? | select(.database["repo-key"] == $number)] | sort_by(.database.id) | last // {}
            | {from: (.min // null), to: (.max // null)}
          ),
          bytes: .bytes,
          # What was dropped is no longer missed once a later backup is there.
          gap: (if $gap and all($made[]; .started <= $gap.at) then $gap.wal else null end),
          backups: $made
        }
    ],
    last_failure: (
      $failures
      + (if $db.archiving != null and ($db.archiving.failed_at // 0) > ($db.archiving.last_at // 0) then
           [{what: "archive", at: $db.archiving.failed_at, reason: "\($db.archiving.failed_wal) could not be archived"}]
         else [] end)
      | sort_by(.at) | last // null
    ),
    last_verify: $last_verify,
    last_drill: $last_drill,
    last_proven: $last_proven
  }
