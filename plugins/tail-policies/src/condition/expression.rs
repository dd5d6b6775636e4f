//! What a condition is parsed to. It is evaluated for all rows at once.

use super::value::{Comparison, Rows, Scalar, Value};
use crate::{columns::Batch, pattern::Patterns};

#[derive(Debug)]
pub(super) enum Expression {
    Literal(bool),
    Compare {
        left: Value,
        comparison: Comparison,
        right: Value,
    },
    /// `IsMatch(target, pattern)`
    IsMatch {
        target: Value,
        pattern: Patterns,
    },
    /// A value that is true or false.
    Holds(Value),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    /// Returns for each row whether the condition holds.
    pub(super) fn hold(&mut self, batch: &Batch<'_>, rows: Rows) -> Vec<bool> {
        let count = rows.count(batch);
        match self {
            Expression::Literal(value) => vec![*value; count],
            Expression::Compare { left, comparison, right } => {
                let (left, right) = (left.column(batch, rows), right.column(batch, rows));
                (0..count).map(|row| comparison.holds(left.get(row), right.get(row))).collect()
            }
            Expression::IsMatch { target, pattern } => {
                let target = target.column(batch, rows);
                (0..count).map(|row| is_match(target.get(row), pattern)).collect()
            }
            Expression::Holds(value) => {
                let value = value.column(batch, rows);
                (0..count).map(|row| value.get(row) == Scalar::Bool(true)).collect()
            }
            Expression::Not(inner) => {
                let mut holds = inner.hold(batch, rows);
                holds.iter_mut().for_each(|holds| *holds = !*holds);
                holds
            }
            Expression::And(inner) => join(inner, batch, rows, |all, one| *all &= one),
            Expression::Or(inner) => join(inner, batch, rows, |any, one| *any |= one),
        }
    }
}

/// Joins the answers of expressions, row by row.
fn join(
    expressions: &mut [Expression],
    batch: &Batch<'_>,
    rows: Rows,
    join: fn(&mut bool, bool),
) -> Vec<bool> {
    let mut answers = expressions.iter_mut().map(|expression| expression.hold(batch, rows));
    let mut joined = answers.next().unwrap_or_default();
    for answer in answers {
        joined.iter_mut().zip(answer).for_each(|(joined, one)| join(joined, one));
    }
    joined
}

/// Matches a value's text. Numbers are written as in JSON.
fn is_match(value: Scalar<'_>, pattern: &mut Patterns) -> bool {
    match value {
        Scalar::Nil => false,
        Scalar::Text(text) => pattern.match_text(text),
        Scalar::Bool(value) => pattern.match_text(if value { "true" } else { "false" }),
        Scalar::Int(value) | Scalar::DurationNano(value) => pattern.match_text(&value.to_string()),
        Scalar::Double(value) => pattern.match_text(&value.to_string()),
    }
}
