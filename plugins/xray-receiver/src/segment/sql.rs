//! The query that a subsegment has sent to a database.

use std::borrow::Cow;

use super::attributes::Attributes;
use crate::json::Object;

/// The names that the SDKs have for databases, and those of the semantic conventions.
const SYSTEMS: [(&str, &str); 5] = [
    ("microsoft sql server", "mssql"),
    ("sql server", "mssql"),
    ("sqlserver", "mssql"),
    ("postgres", "postgresql"),
    ("sqlite3", "sqlite"),
];

/// Writes the query. `name` is that of the database, if no other attribute says it: exporters would make another one
/// of the attributes below.
pub(super) fn write<'t>(segment: &'t Object<'t>, name: Option<&str>, out: &mut Attributes<'_, 't>) {
    let Some(sql) = segment.object("sql") else { return };
    if let Some(name) = name {
        out.push("peer.service", name);
    }
    if let Some(url) = sql.text("url").or_else(|| sql.text("connection_string")) {
        match split(&url) {
            Some((server, database)) => {
                out.push("db.connection_string", server);
                out.push("db.name", database);
            }
            None => out.push("db.connection_string", &*url),
        }
    }
    out.text("db.system", sql.text("database_type").map(|kind| Cow::Owned(system(&kind))));
    out.text("db.statement", sql.text("sanitized_query"));
    out.text("db.user", sql.text("user"));
    out.text("aws.xray.sql.database_version", sql.text("database_version"));
    out.text("aws.xray.sql.driver_version", sql.text("driver_version"));
    out.text("aws.xray.sql.preparation", sql.text("preparation"));
}

/// Splits `protocol://host:port/database?options` into the URL of the server and the database. Some SDKs leave out
/// the protocol.
fn split(url: &str) -> Option<(&str, &str)> {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let (server, database) = url.rsplit_once('/')?;
    (!server.is_empty() && !server.ends_with('/') && !database.is_empty()).then_some((server, database))
}

fn system(kind: &str) -> String {
    let kind = kind.to_lowercase();
    SYSTEMS.iter().find(|(name, _)| *name == kind).map_or(kind, |(_, system)| (*system).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_the_last_part_of_the_path() {
        let check = |url: &str, expected: Option<(&str, &str)>| assert_eq!(split(url), expected);
        check("postgresql://db.example:5432/orders", Some(("postgresql://db.example:5432", "orders")));
        check("jdbc:mysql://db/orders?ssl=1/2", Some(("jdbc:mysql://db", "orders")));
        check("mysql://db.example:3306", None);
        check("mysql://db.example/", None);
        check("sqlite:///data/a.db", Some(("sqlite:///data", "a.db")));
        check("db.example:3306/orders", Some(("db.example:3306", "orders")));
        check("orders", None);
        check("", None);
    }
}
