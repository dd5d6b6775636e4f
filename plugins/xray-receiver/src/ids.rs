//! Parses ids in X-Ray's form.

/// Parses a trace id like `1-58406520-a006649127e371903a2de979`. Returns `None` if it is malformed or zero.
pub(crate) fn trace_id(text: &str) -> Option<[u8; 16]> {
    let (seconds, random) = text.strip_prefix("1-")?.split_once('-')?;
    let [a, b, c, d] = hex(seconds)?;
    let mut id = [0; 16];
    let (head, tail) = id.split_at_mut(4);
    head.copy_from_slice(&[a, b, c, d]);
    tail.copy_from_slice(&hex::<12>(random)?);
    (id != [0; 16]).then_some(id)
}

/// Parses the id of a segment: 16 hexadecimal digits. Returns `None` if it is malformed or zero.
pub(crate) fn span_id(text: &str) -> Option<[u8; 8]> {
    hex(text).filter(|id| *id != [0; 8])
}

/// Parses hexadecimal digits of either case, two for each byte.
fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_loses_its_version_and_dashes() {
        let id = 0x5840_6520_a006_6491_27e3_7190_3a2d_e979_u128.to_be_bytes();
        assert_eq!(trace_id("1-58406520-a006649127e371903a2de979"), Some(id));
        assert_eq!(trace_id("1-58406520-A006649127E371903A2DE979"), Some(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let traces = [
            "",
            "1-",
            "1--",
            "58406520a006649127e371903a2de979",
            "2-58406520-a006649127e371903a2de979",
            "1-58406520-a006649127e371903a2de97",
            "1-5840652-0a006649127e371903a2de979",
            "1-58406520-a006649127e371903a2de97g",
            "1-00000000-000000000000000000000000",
            "1-5840652ü-a006649127e371903a2de979",
        ];
        assert_eq!(traces.map(trace_id), [None; 10]);
        let spans = ["", "0000000000000000", "70de5b6f19ff9a0", "70de5b6f19ff9a0a0", "+0de5b6f19ff9a0a"];
        assert_eq!(spans.map(span_id), [None; 5]);
        assert_eq!(span_id("70de5b6f19ff9a0A"), Some(0x70de_5b6f_19ff_9a0a_u64.to_be_bytes()));
    }
}
