//! Deleting without leaving a trace: in the tables, in the full-text index, in free pages, and in the log.

use rusqlite::{Connection, TransactionBehavior};

use super::layout::{NO_UNINDEXING, UNINDEXING};
use crate::{
    database::{DatabaseError, empty_log},
    turn::places,
};

/// Turns that are deleted in one step, so that whoever writes beside it does not wait long.
const STEP: i64 = 500;

/// Deletes the conversation with a key. What is deleted before an error stays deleted.
pub(crate) fn delete(db: &mut Connection, key: i64) -> Result<(), DatabaseError> {
    let (first, last) = places(key);
    loop {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let deleted = step.execute(
            "DELETE FROM turns WHERE place IN
                 (SELECT place FROM turns WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3)",
            [first, last, STEP],
        )?;
        if deleted == 0 {
            // Written anew, the index has no words left that are marked as deleted. That takes as long for one turn as
            // for thousands. The conversation goes last: as long as it is there it can be deleted again.
            step.execute_batch("INSERT INTO turns_text (turns_text) VALUES ('optimize')")?;
            step.execute("DELETE FROM conversations WHERE key = ?1", [key])?;
        }
        step.commit()?;
        if deleted == 0 {
            empty_log(db);
            return Ok(());
        }
    }
}

/// Deletes everything, or nothing if there is an error.
pub(crate) fn delete_all(db: &mut Connection) -> Result<(), DatabaseError> {
    let all = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Emptying the index at once takes no time; word by word it would take minutes.
    all.execute_batch(NO_UNINDEXING)?;
    all.execute_batch(
        "DELETE FROM turns;
         DELETE FROM conversations;
         INSERT INTO turns_text (turns_text) VALUES ('delete-all');
         INSERT INTO titles_text (titles_text) VALUES ('delete-all');",
    )?;
    all.execute_batch(UNINDEXING)?;
    all.commit()?;
    empty_log(db);
    Ok(())
}
