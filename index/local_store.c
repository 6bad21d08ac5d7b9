/* clang-format off */
/* The local store: SQLite rows on disk and, over them, an index in memory. The head of this file
 * is the law of the store; each arrow and each number names the function that keeps it.
 *
 *   lat_local_write  lat_local_delete_where  lat_local_create  lat_local_drop     any thread
 *          \_________________|___________________/__________________/
 *                            | lat_writer_run: queue, wait
 *                            v
 *   writer thread     take_group -> transact: BEGIN, apply..., close_drafts, COMMIT = fsync
 *                            |
 *                            | commit hooks (commit_write, commit_delete): cannot fail
 *                            v
 *   latentd.db        memory index    0 ........ linked ........ n ...... staged
 *   items             (memory_index)  | accelerator | scanned    | unseen |
 *   codes  inputs          ^   |              ^
 *   tombstones             |   |              | lat_link_rows, lat_index_calibrate
 *        |                 |   |        keeper thread -- lat_index_save --> index/ *.index
 *        | lat_index_replay|   |              |                                 |
 *        +-----------------+   |              | lat_index_rebuild (rebuilder)   |
 *        |   lat_local_load    |              v                                 |
 *        |   apply_publish <---|--- lat_index_load_file <-----------------------+
 *        |                     |        apply_switch
 *        |                     v
 *        +---------------> lat_local_search -> prepare, look, settle, read_rows, assemble
 *
 * 1 The row is the truth, the index a cache that may be deleted at any time.
 *     from_rows fills an index from rows alone; from_file gives a file up for anything that
 *     is_usable, lat_index_file_read or check_whole does not like.
 * 2 Slots are never reused; the slot of a row is in the row.
 *     lat_writer_new_slot counts up, close_drafts stores the count with the rows that used it.
 *     A slot is the row's key. What a rebuild gives anew are positions, which nobody outside
 *     knows (slot_map.h).
 * 3 A write is acknowledged after its commit is durable, and the next search finds it.
 *     run_group: transact (synchronous=FULL), then the commit hooks publish under the
 *     collection's lock, then the callers wake. What a hook needs was reserved in apply_write.
 * 4 Every change has a sequence number; the index file knows the last it contains; opening
 *   replays the rest, and a larger gap rebuilds.
 *     write_one and apply_delete count up draft.sequence and write it into the row or its
 *     tombstone; hold_still fixes it in the file; lat_index_replay applies what is newer;
 *     is_usable judges the gap; apply_prune drops the tombstones that a saved file contains and
 *     notes how far.
 * 5 A delete marks the row first; a search never returns a deleted row; dead slots are excluded
 *   and reclaimed by a rebuild that searches do not wait for.
 *     lat_index_kill clears the bit `shown` under the lock; every way of searching asks that
 *     bit, and settle asks it again when hits are made. wants_rebuild counts the dead;
 *     lat_index_rebuild works beside; apply_switch and commit_switch exchange a pointer.
 * 6 Files are written to a temporary name, synced, renamed, and carry a checksum.
 *     lat_index_file_write and lat_file_publish; check_head and check_sections believe nothing
 *     before. Codes and inputs in rows carry theirs: lat_code_crc, lat_row_insert_input.
 * 7 Dimension, metric and model version of a collection never change; a new model version is a
 *   new generation built beside the old one and switched at once.
 *     There is no function that changes them: same_as refuses, store_spec writes index settings
 *     only. begin_new makes a hidden collection, lat_local_generation_switch gives it the name
 *     (local_switch.c); lat_generation_check keeps codes of one out of the other.
 * 8 A filter is counted first: when few rows pass, the answer is an exact scan over them.
 *     lat_filter_bitmap evaluates and remembers, lat_index_count counts, scan_is_cheaper
 *     decides; lat_index_search scans as well when the accelerator brought too few.
 *
 * And of interactions (interactions.h):
 * 1 A call that writes is one transaction, durable and visible on return.
 *     apply_interact, lat_interactions_publish; a history is one statement on a reader.
 *     Counts in memory (tally.h) follow the commit, and are those of the rows after opening:
 *     lat_tally_load.
 * 2 A user that was deleted is gone from the rows at once, and from the bytes of the files.
 *     apply_forget deletes under secure_delete, lat_users_wipe empties the log: in the commit
 *     hook, by the keeper when a reader was in the way, or in open_files. Names stand in no
 *     index (schema.c).
 * 3 Dropping a collection drops its interactions.
 *     lat_interactions_purge, bit by bit.
 *
 * Who may change what: rows and everything in a memory index but the accelerator, the writer;
 * the accelerator, the keeper; before an index is published, whoever builds it
 * (memory_index.h). */
/* clang-format on */
#include "index/local_checking.h"
#include "index/local_generation.h"
#include "index/local_interactions.h"
#include "index/local_store.h"

#include "base/banned.h"

const struct lat_store_ops lat_local_store = {
    .name = "local",
    .open = lat_local_open,
    .load = lat_local_load,
    .close = lat_local_close,
    .create = lat_local_create,
    .drop = lat_local_drop,
    .describe = lat_local_describe,
    .spec = lat_local_spec,
    .collections = lat_local_collections,
    .write = lat_local_write,
    .delete_where = lat_local_delete_where,
    .get = lat_local_get,
    .list = lat_local_list,
    .count = lat_local_count,
    .search = lat_local_search,
    .changes = lat_local_changes,
    .reindex = lat_local_reindex,
    .job_save = lat_local_job_save,
    .job_forget = lat_local_job_forget,
    .jobs = lat_local_jobs,
    .interact = lat_local_interact,
    .history = lat_local_history,
    .history_at_once = lat_local_history_at_once,
    .user_delete = lat_local_user_delete,
    .popular = lat_local_popular,
    .visible = lat_local_visible,
    .interactions_each = lat_local_interactions_each,
    .recommender_set = lat_local_recommender_set,
    .alias_set = lat_local_alias_set,
    .alias_drop = lat_local_alias_drop,
    .alias_get = lat_local_alias_get,
    .aliases = lat_local_aliases,
    .alias_resolve = lat_local_alias_resolve,
    .sample = lat_local_sample,
    .worst = lat_local_worst,
    .unscored = lat_local_unscored,
    .set_scores = lat_local_set_scores,
    .generation = lat_local_generation,
    .generation_begin = lat_local_generation_begin,
    .generation_note = lat_local_generation_note,
    .generation_prune = lat_local_generation_prune,
    .generation_hold = lat_local_generation_hold,
    .generation_switch = lat_local_generation_switch,
    .generation_drop = lat_local_generation_drop,
    .without_input = lat_local_without_input,
    .check = lat_local_check,
};
