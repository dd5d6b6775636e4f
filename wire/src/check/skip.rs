use super::{DEPTH_LIMIT, Fault, delimited, skip_varint, tag, take};
use crate::WireErrorKind as Kind;
use crate::schema::{END_GROUP, FIXED32, FIXED64, START_GROUP, VARINT};

/// Skips a field that the schema does not know; `at` begins with its tag. Nested groups count against the
/// limit on nesting of messages, as in prost. `room` is how many levels are left.
#[cold]
pub(super) fn unknown(at: &[u8], room: usize) -> Result<&[u8], Fault<'_>> {
    let mut open = [0; DEPTH_LIMIT];
    let mut depth = 0;
    let mut rest = at;
    loop {
        let field = rest;
        let (number, wire_type, after) = tag(field)?;
        if wire_type != END_GROUP && depth >= room {
            return Err(Fault { kind: Kind::Depth { limit: DEPTH_LIMIT }, at: field });
        }
        rest = match wire_type {
            VARINT => skip_varint(after)?,
            FIXED64 => take(after, 8)?.1,
            FIXED32 => take(after, 4)?.1,
            START_GROUP => {
                let Some(slot) = open.get_mut(depth) else {
                    return Err(Fault { kind: Kind::Depth { limit: DEPTH_LIMIT }, at: field });
                };
                *slot = number;
                depth += 1;
                after
            }
            END_GROUP => {
                let innermost = depth.checked_sub(1).and_then(|top| open.get(top));
                if innermost != Some(&number) {
                    return Err(Fault { kind: Kind::Group, at: field });
                }
                depth -= 1;
                after
            }
            _ => delimited(after)?.1,
        };
        if depth == 0 {
            return Ok(rest);
        }
        if rest.is_empty() {
            return Err(Fault { kind: Kind::Group, at: rest });
        }
    }
}
