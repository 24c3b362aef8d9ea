//! What one service gives to another, or to an endpoint outside.

use farshore_types::{Result, Timestamp};

use crate::row::Row;
use crate::tx::Tx;
use crate::value::values;

/// An integration.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// UUID.
    pub id: String,
    /// Where.
    pub project_id: String,
    /// Its word.
    pub integration_type: String,
    /// Name of the service that gives.
    pub source_service: Option<String>,
    /// Name of the service that takes.
    pub dest_service: Option<String>,
    /// Endpoint that gives.
    pub source_endpoint: Option<String>,
    /// Endpoint that takes.
    pub dest_endpoint: Option<String>,
    /// Its settings: an object.
    pub user_config: serde_json::Value,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project_id, integration_type, source_service, dest_service, source_endpoint, dest_endpoint, user_config, \
         created_at"
    };
}

fn read(row: &Row) -> Result<Integration> {
    Ok(Integration {
        id: row.text("id")?,
        project_id: row.text("project_id")?,
        integration_type: row.text("integration_type")?,
        source_service: row.text_or_null("source_service")?,
        dest_service: row.text_or_null("dest_service")?,
        source_endpoint: row.text_or_null("source_endpoint")?,
        dest_endpoint: row.text_or_null("dest_endpoint")?,
        user_config: row.json("user_config")?,
        created_at: row.time("created_at")?,
    })
}

/// Adds one.
pub fn insert(tx: &mut Tx<'_>, integration: &Integration) -> Result<()> {
    tx.execute(
        concat!("INSERT INTO integrations (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
        values![
            &integration.id,
            &integration.project_id,
            &integration.integration_type,
            integration.source_service.as_ref(),
            integration.dest_service.as_ref(),
            integration.source_endpoint.as_ref(),
            integration.dest_endpoint.as_ref(),
            &integration.user_config,
            integration.created_at,
        ],
    )
    .map(drop)
}

/// By project and id.
pub fn get(tx: &mut Tx<'_>, project_id: &str, id: &str) -> Result<Option<Integration>> {
    let row = tx.first(
        concat!("SELECT ", columns!(), " FROM integrations WHERE project_id = $1 AND id = $2"),
        values![project_id, id],
    )?;
    row.as_ref().map(read).transpose()
}

/// Of a project, oldest first.
pub fn of_project(tx: &mut Tx<'_>, project_id: &str, limit: u32) -> Result<Vec<Integration>> {
    let rows = tx.query(
        concat!("SELECT ", columns!(), " FROM integrations WHERE project_id = $1 ORDER BY created_at, id LIMIT $2"),
        values![project_id, limit],
    )?;
    rows.iter().map(read).collect()
}

/// Changes the settings; whether it exists.
pub fn configure(tx: &mut Tx<'_>, project_id: &str, id: &str, user_config: &serde_json::Value) -> Result<bool> {
    let sql = "UPDATE integrations SET user_config = $3 WHERE project_id = $1 AND id = $2";
    Ok(tx.execute(sql, values![project_id, id, user_config])? > 0)
}

/// Removes one; whether it existed.
pub fn delete(tx: &mut Tx<'_>, project_id: &str, id: &str) -> Result<bool> {
    let sql = "DELETE FROM integrations WHERE project_id = $1 AND id = $2";
    Ok(tx.execute(sql, values![project_id, id])? > 0)
}

/// Removes all that name a service as giving or taking; how many.
pub fn delete_of_service(tx: &mut Tx<'_>, project_id: &str, service_name: &str) -> Result<u64> {
    tx.execute(
        "DELETE FROM integrations WHERE project_id = $1 AND (source_service = $2 OR dest_service = $2)",
        values![project_id, service_name],
    )
}
