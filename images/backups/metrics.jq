# The figures for monitoring, from the document of state.jq, the counters beside it and the room on the volume.
def metric($name; $type; $help; lines): "# HELP \($name) \($help)", "# TYPE \($name) \($type)", (lines | "\($name)\(.)");
def last_of($repository; $kind): [$repository.backups[] | select(.kind == $kind)] | sort_by(.started) | last // null;
def each_kind(of): .repositories[] as $repository | ("full", "differential", "incremental") as $kind
  | last_of($repository; $kind) as $backup | "{kind=\"\($kind)\",repository=\"\($repository.number)\"} \($backup | of)";
def flag: if . then 1 else 0 end;

metric("grocery_last_backup_timestamp_seconds"; "gauge"; "End of the newest backup of each kind, as Unix time; 0 when there is none.";
  each_kind(.stopped // 0)),
metric("grocery_backup_duration_seconds"; "gauge"; "How long the newest backup of each kind took.";
  . as $state | ("full", "differential", "incremental") as $kind
  | ([$state.repositories[] | last_of(.; $kind) | select(. != null)] | sort_by(.started) | last) as $backup
  | "{kind=\"\($kind)\"} \(if $backup then $backup.stopped - $backup.started else 0 end)"),
metric("grocery_backup_size_bytes"; "gauge"; "What the newest backup of each kind takes in the repository.";
  each_kind(.repository_bytes // 0)),
metric("grocery_backup_failures_total"; "counter"; "Backups that failed."; " \($counters.backup_failures_total)"),
metric("grocery_backup_failures_in_a_row"; "gauge"; "Backups that failed since the last success."; " \($counters.backup_failures)"),
metric("grocery_drill_failures_in_a_row"; "gauge"; "Drills that failed since the last success."; " \($counters.drill_failures)"),
metric("grocery_last_drill_timestamp_seconds"; "gauge"; "When a restore was last tried.";
  " \(.last_drill.at // 0)"),
metric("grocery_last_proven_restore_timestamp_seconds"; "gauge"; "When a backup was last restored and found equal to the database.";
  " \(.last_proven.at // 0)"),
metric("grocery_restore_rpo_seconds"; "gauge"; "By the last proven restore: from a commit to its being in the repository.";
  " \(.last_proven.rpo_seconds // 0)"),
metric("grocery_restore_rto_seconds"; "gauge"; "By the last proven restore: from its start to the first answer.";
  " \(.last_proven.rto_seconds.total // 0)"),
metric("grocery_repository_usable"; "gauge"; "Whether the repository can be read.";
  .repositories[] | "{repository=\"\(.number)\",kind=\"\(.kind)\"} \((.status != "unusable") | flag)"),
metric("grocery_repository_database_known"; "gauge"; "Whether what is in the repository is of this database.";
  .repositories[] | "{repository=\"\(.number)\"} \((.status != "other-database") | flag)"),
metric("grocery_repository_bytes"; "gauge"; "All backups and the log in a repository.";
  .repositories[] | "{repository=\"\(.number)\"} \(.bytes)"),
metric("grocery_repository_volume_free_bytes"; "gauge"; "Room left on the volume."; " \($volume.free)"),
metric("grocery_repository_volume_size_bytes"; "gauge"; "Size of the volume."; " \($volume.size)"),
metric("grocery_last_archived_timestamp_seconds"; "gauge"; "When a piece of the log was last archived; 0 before the first and while the database is away.";
  " \(.database.archiving.last_at // 0)"),
metric("grocery_archive_waiting_segments"; "gauge"; "Pieces of the log that wait to be archived.";
  " \(.database.archiving.waiting // 0)"),
metric("grocery_archive_gap"; "gauge"; "Whether log was dropped that the repository misses, and no backup was made since.";
  .repositories[] | "{repository=\"\(.number)\"} \((.gap != null) | flag)"),
metric("grocery_archive_failures_total"; "counter"; "Attempts to archive a piece of the log that failed.";
  " \(.database.archiving.failed_count // 0)"),
metric("grocery_last_verify_timestamp_seconds"; "gauge"; "When all of the repositories was last read and checked.";
  " \(.last_verify.at // 0)"),
metric("grocery_last_verify_ok"; "gauge"; "Whether nothing was wrong then."; " \(.last_verify.ok // false | flag)")
