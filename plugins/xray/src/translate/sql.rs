//! The query that a span has sent to an SQL database.

use spanloom_plugin::json::Writer;

use super::fields::Fields;
use super::http::in_url;
use super::key::Key;
use crate::document::Detail;

#[derive(Debug)]
pub(crate) struct Sql<'a> {
    /// The span's name. X-Ray's documentation asks for the connection's URL here, but the console shows this
    /// field.
    url: &'a str,
    host: &'a str,
    database: &'a str,
    system: &'a str,
    user: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Sql<'a> {
    /// Returns the query, or `None` if the database is not an SQL database.
    pub(crate) fn of(span_name: &'a str, fields: &Fields<'a>) -> Option<Sql<'a>> {
        Some(Sql {
            url: span_name,
            host: fields.first_text(&[Key::DbConnectionString, Key::ServerAddress]).unwrap_or("localhost"),
            database: fields.text(Key::DbName).unwrap_or_default(),
            system: fields.text(Key::DbSystem).filter(|system| is_sql(system))?,
            user: fields.text(Key::DbUser),
            query: fields.text(Key::DbStatement),
        })
    }

    pub(crate) fn write(&self, json: &mut Writer, detail: Detail) {
        json.object(|json| {
            let host = in_url(detail.cut(self.host));
            let connection = format!("{host}/{}", detail.cut(self.database));
            json.field("connection_string", connection);
            detail.text(json, "url", Some(self.url));
            detail.text(json, "sanitized_query", self.query);
            detail.text(json, "database_type", Some(self.system));
            detail.text(json, "user", self.user);
        });
    }
}

/// Returns whether the value of `db.system`, or of `db.system.name`, is an SQL database.
fn is_sql(system: &str) -> bool {
    matches!(
        system,
        "db2"
            | "derby"
            | "hive"
            | "mariadb"
            | "mssql"
            | "mysql"
            | "oracle"
            | "postgresql"
            | "sqlite"
            | "teradata"
            | "other_sql"
            | "ibm.db2"
            | "microsoft.sql_server"
            | "oracle.db"
    )
}
