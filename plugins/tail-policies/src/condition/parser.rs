//! Parses a condition.

use std::str::FromStr;

use super::{
    expression::Expression,
    token::{Token, tokens},
    value::{Comparison, Literal, Path, Rows, Value},
};
use crate::pattern::{self, Patterns};

/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 50;
const SYMBOLS: [(&str, i64); 9] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

/// Parses a condition of spans or of their events. The error says what cannot be read.
pub(super) fn parse(condition: &str, rows: Rows) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(condition)?, at: 0, rows };
    let expression = parser.any_of(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("{} cannot stand here", described(token))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    /// The number of the next token.
    at: usize,
    rows: Rows,
}

/// What a value turned out to be, before `-` is known.
enum Operand {
    Value(Value),
    StartTime,
    EndTime,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("it ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        self.takes(&Token::Sign(sign))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes_sign(sign) {
            return Ok(());
        }
        match self.peek() {
            Some(token) => Err(format!("{} stands where `{sign}` should", described(token))),
            None => Err(format!("`{sign}` is missing at the end")),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.all_of(depth)?];
        while self.takes_word("or") {
            parts.push(self.all_of(depth)?);
        }
        Ok(single_or(parts, Expression::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<Expression, String> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(single_or(parts, Expression::And))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, String> {
        if self.takes_word("not") {
            return Ok(Expression::Not(Box::new(self.plain(depth)?)));
        }
        self.plain(depth)
    }

    /// Parses what `not` may stand before.
    fn plain(&mut self, depth: usize) -> Result<Expression, String> {
        check(depth)?;
        let start = self.at;
        // A parenthesis opens a value or a condition.
        let compared = self.comparison(depth);
        let is_condition = self.tokens.get(start) == Some(&Token::Sign("("));
        if compared.is_ok() || !is_condition {
            return compared;
        }
        let reached = self.at;
        self.at = start + 1;
        let inner = self.any_of(depth + 1).and_then(|inner| self.expect(")").map(|()| inner));
        // The error of the attempt that came further says more.
        if inner.is_err() && reached > self.at { compared } else { inner }
    }

    /// Parses a comparison, or something that is true or false by itself.
    fn comparison(&mut self, depth: usize) -> Result<Expression, String> {
        if self.takes_word("IsMatch") {
            return self.is_match(depth);
        }
        let left = self.value(depth)?;
        let Some(comparison) = self.takes_comparison() else {
            return match left {
                Value::Literal(Literal::Bool(value)) => Ok(Expression::Literal(value)),
                Value::Path(Path::IsRoot) => Ok(Expression::Holds(left)),
                _ => Err("a value is not compared with anything".to_owned()),
            };
        };
        Ok(Expression::Compare { left, comparison, right: self.value(depth)? })
    }

    fn takes_comparison(&mut self) -> Option<Comparison> {
        let comparison = match self.peek()? {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign("!=") => Comparison::NotEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            Token::Sign(">") => Comparison::Greater,
            _ => return None,
        };
        self.at += 1;
        Some(comparison)
    }

    fn is_match(&mut self, depth: usize) -> Result<Expression, String> {
        self.expect("(")?;
        let target = self.value(depth)?;
        self.expect(",")?;
        let Token::Text(pattern) = self.next()? else {
            return Err("the second argument of `IsMatch` is a pattern in quotes".to_owned());
        };
        self.expect(")")?;
        let pattern = Patterns::new(vec![pattern::compile(&pattern)?], 0);
        Ok(Expression::IsMatch { target, pattern })
    }

    /// Parses a value, or the difference of a span's end and start.
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        let left = self.operand(depth)?;
        let sign = match self.peek() {
            Some(Token::Sign(sign @ ("+" | "-" | "*"))) => *sign,
            _ => return left.value(),
        };
        self.at += 1;
        let right = self.operand(depth)?;
        match (left, sign, right) {
            (Operand::EndTime, "-", Operand::StartTime) => Ok(Value::Path(Path::Took)),
            (
                Operand::Value(Value::Path(Path::EndTimeUnixNano)),
                "-",
                Operand::Value(Value::Path(Path::StartTimeUnixNano)),
            ) => Ok(Value::Path(Path::TookNano)),
            _ => Err(format!(
                "`{sign}` cannot be used here; what can be calculated is `end_time_unix_nano - start_time_unix_nano` and \
                 `end_time - start_time`"
            )),
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, String> {
        check(depth)?;
        let literal = |literal| Ok(Operand::Value(Value::Literal(literal)));
        match self.next()? {
            Token::Text(text) => literal(Literal::Text(text)),
            Token::Int(value) => literal(Literal::Int(value)),
            Token::Double(value) => literal(Literal::Double(value)),
            Token::Sign(sign @ ("-" | "+")) => {
                let is_negative = sign == "-";
                match self.next()? {
                    Token::Int(value) => literal(Literal::Int(if is_negative { -value } else { value })),
                    Token::Double(value) => {
                        literal(Literal::Double(if is_negative { -value } else { value }))
                    }
                    token => Err(format!("`{sign}` cannot stand before {}", described(&token))),
                }
            }
            Token::Sign("(") => {
                let value = self.value(depth + 1)?;
                self.expect(")")?;
                Ok(Operand::Value(value))
            }
            Token::Word(word) => match word.as_str() {
                "nil" => literal(Literal::Nil),
                "true" => literal(Literal::Bool(true)),
                "false" => literal(Literal::Bool(false)),
                "Duration" => literal(Literal::DurationNano(self.duration()?)),
                "IsRootSpan" if self.rows == Rows::Spans => {
                    self.expect("(")?;
                    self.expect(")")?;
                    Ok(Operand::Value(Value::Path(Path::IsRoot)))
                }
                _ if word.starts_with(|c: char| c.is_ascii_uppercase()) => self.symbol(&word),
                _ => self.path(word),
            },
            token => Err(format!("{} cannot stand here", described(&token))),
        }
    }

    fn symbol(&self, word: &str) -> Result<Operand, String> {
        if self.peek() == Some(&Token::Sign("(")) {
            return Err(format!(
                "the function `{word}` cannot be used here; `IsMatch`, `IsRootSpan` and `Duration` can"
            ));
        }
        match SYMBOLS.iter().find(|(name, _)| *name == word) {
            Some((_, number)) => Ok(Operand::Value(Value::Literal(Literal::Int(*number)))),
            None => Err(format!("`{word}` is not known")),
        }
    }

    /// Parses the rest of `Duration("1s")`.
    fn duration(&mut self) -> Result<i64, String> {
        self.expect("(")?;
        let Token::Text(text) = self.next()? else {
            return Err("`Duration` takes a text, such as `Duration(\"1s\")`".to_owned());
        };
        self.expect(")")?;
        let duration = spanloom_plugin::Duration::from_str(&text).map_err(|error| error.to_string())?;
        Ok(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Parses the rest of a path, such as `resource.attributes["service.name"]`.
    fn path(&mut self, first: String) -> Result<Operand, String> {
        let mut words = vec![first];
        while self.takes_sign(".") {
            match self.next()? {
                Token::Word(word) => words.push(word),
                token => return Err(format!("{} cannot stand after a dot", described(&token))),
            }
        }
        let mut key = None;
        if self.takes_sign("[") {
            let Token::Text(text) = self.next()? else {
                return Err("an attribute's key is a text in quotes".to_owned());
            };
            self.expect("]")?;
            key = Some(text);
        }
        if self.peek() == Some(&Token::Sign("[")) {
            return Err("a value inside a value cannot be read here".to_owned());
        }
        let mut path: Vec<&str> = words.iter().map(String::as_str).collect();
        let context = match path.first().copied() {
            Some(context @ ("span" | "spanevent" | "resource")) if path.len() > 1 => {
                path.remove(0);
                context
            }
            _ if self.rows == Rows::Events => "spanevent",
            _ => "span",
        };
        let is_events = self.rows == Rows::Events;
        let found = match (context, path.as_slice(), key) {
            ("span", ["attributes"], Some(key)) => Path::SpanAttribute(key),
            ("resource", ["attributes"], Some(key)) => Path::ResourceAttribute(key),
            ("spanevent", ["attributes"], Some(key)) if is_events => Path::EventAttribute(key),
            ("spanevent", ["name"], None) if is_events => Path::EventName,
            ("span", ["name"], None) => Path::SpanName,
            ("span", ["kind"], None) => Path::Kind,
            ("span", ["kind", "string"], None) => Path::KindText,
            ("span", ["kind", "deprecated_string"], None) => Path::DeprecatedKindText,
            ("span", ["status", "code"], None) => Path::StatusCode,
            ("span", ["start_time_unix_nano"], None) => Path::StartTimeUnixNano,
            ("span", ["end_time_unix_nano"], None) => Path::EndTimeUnixNano,
            ("span", ["start_time"], None) => return Ok(Operand::StartTime),
            ("span", ["end_time"], None) => return Ok(Operand::EndTime),
            _ => {
                return Err(format!(
                    "`{}` cannot be read here; `attributes[\"…\"]`, `resource.attributes[\"…\"]`, `name`, `kind`, \
                     `kind.string`, `status.code`, `start_time_unix_nano` and `end_time_unix_nano` can",
                    words.join(".")
                ));
            }
        };
        Ok(Operand::Value(Value::Path(found)))
    }
}

impl Operand {
    fn value(self) -> Result<Value, String> {
        match self {
            Operand::Value(value) => Ok(value),
            Operand::StartTime | Operand::EndTime => {
                Err("a time by itself cannot be compared here; `end_time - start_time` can".to_owned())
            }
        }
    }
}

fn single_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn check(depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH { Err(format!("it nests more than {MAX_DEPTH} deep")) } else { Ok(()) }
}

fn described(token: &Token) -> String {
    match token {
        Token::Text(text) => format!("the text `\"{text}\"`"),
        Token::Int(value) => format!("`{value}`"),
        Token::Double(value) => format!("`{value}`"),
        Token::Word(word) => format!("`{word}`"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}
