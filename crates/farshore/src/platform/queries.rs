//! Queries of a node: what its sessions do now, and what its server has counted. All of it is asked as the superuser, so nothing that a
//! user of the service could have written may be found by a name.

use farshore_control::hosts::Query;
use farshore_engines::postgresql::statements;
use farshore_engines::postgresql::wire::Connection;
use farshore_types::statistics::Page;
use farshore_types::{Error, Result};

/// What every client's session does now; the server's own processes and ours are left out. Ids are numbers, as they are in the documented
/// answer; left to itself the server makes texts of them.
const SESSIONS: &str = "SELECT (to_jsonb(a) || jsonb_build_object('datid', datid::bigint, 'usesysid', usesysid::bigint, \
                        'backend_xid', backend_xid::text::bigint, 'backend_xmin', backend_xmin::text::bigint))::text \
                        FROM (SELECT *, extract(epoch FROM now() - query_start) AS query_duration \
                        FROM pg_stat_activity WHERE backend_type = 'client backend' \
                        AND pid <> pg_backend_pid() AND usename <> 'postgres') a \
                        ORDER BY query_start NULLS LAST";

/// What the sessions do now, the longest first.
pub fn running(session: &mut Connection, limit: usize) -> Result<Vec<Query>> {
    let answer = session.query(&format!("{SESSIONS} LIMIT {limit}"))?;
    answer.rows.iter().filter_map(|row| row.first()?.as_deref()).map(parsed).collect()
}

/// What the server has counted.
pub fn counted(session: &mut Connection, major: u32, superuser: &str, page: &Page) -> Result<Vec<Query>> {
    statements::read(session, major, superuser, page)?.iter().map(|row| parsed(row)).collect()
}

fn parsed(row: &str) -> Result<Query> {
    serde_json::from_str(row).map_err(|error| Error::bug(format!("a server's JSON cannot be read: {error}")))
}
