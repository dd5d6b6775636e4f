//! The tokens of a condition.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Text(String),
    Int(i64),
    Double(f64),
    /// A name, a keyword or a symbol such as `SPAN_KIND_SERVER`.
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: [&str; 16] =
    ["==", "!=", ">=", "<=", "=>", ">", "<", "(", ")", "[", "]", ".", ",", "+", "-", "*"];

pub(super) fn tokens(condition: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = condition.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' => text(rest)?,
            '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (Token::Word(word.to_owned()), after)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| format!("`{first}` cannot stand here"))?;
                (Token::Sign(sign), rest.strip_prefix(sign).unwrap_or_default())
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn number(from: &str) -> Result<(Token, &str), String> {
    let mut end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
    let digits = from.get(..end).unwrap_or_default();
    let mut after = from.get(end..).unwrap_or_default();
    let is_double = digits.contains('.');
    if is_double && let Some(exponent) = after.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let exponent = exponent
            .find(|c: char| !c.is_ascii_digit())
            .map_or("", |at| exponent.get(at..).unwrap_or_default());
        end = from.len() - exponent.len();
        after = exponent;
    }
    let written = from.get(..end).unwrap_or_default();
    let unreadable = |_| format!("`{written}` is no number");
    let token = match is_double {
        true => Token::Double(
            written.parse().map_err(|error: std::num::ParseFloatError| unreadable(error.to_string()))?,
        ),
        false => Token::Int(
            written.parse().map_err(|error: std::num::ParseIntError| unreadable(error.to_string()))?,
        ),
    };
    Ok((token, after))
}

/// Reads a text in quotes, with the escapes of Go.
fn text(from: &str) -> Result<(Token, &str), String> {
    let mut text = String::new();
    let mut rest = from.strip_prefix('"').unwrap_or(from).chars();
    loop {
        match rest.next().ok_or("a text has no closing quote")? {
            '"' => return Ok((Token::Text(text), rest.as_str())),
            '\\' => {
                let escape = rest.next().ok_or("a text has no closing quote")?;
                text.push(match escape {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '\\' | '"' | '\'' => escape,
                    'x' => code_point(&mut rest, 2)
                        .filter(char::is_ascii)
                        .ok_or("`\\x` is not followed by an ASCII code")?,
                    'u' => code_point(&mut rest, 4).ok_or("`\\u` is not followed by a code point")?,
                    'U' => code_point(&mut rest, 8).ok_or("`\\U` is not followed by a code point")?,
                    other => return Err(format!("`\\{other}` is no escape; write `\\\\` for a backslash")),
                });
            }
            other => text.push(other),
        }
    }
}

fn code_point(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let code = (0..digits).try_fold(0, |code: u32, _| Some(code << 4 | rest.next()?.to_digit(16)?))?;
    char::from_u32(code)
}
