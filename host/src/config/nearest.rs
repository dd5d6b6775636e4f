//! Guesses which word the user meant.

/// Returns the candidate that is most like the word, or `None` if none is close.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LIMIT_CHARS: usize = 100;
    if word.chars().count() > LIMIT_CHARS {
        return None;
    }
    let close = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= close || (word.len() > 2 && candidate.starts_with(word)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns `did you mean …?`, to be shown beside the word.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|right| format!("did you mean `{right}`?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    /// Scenario: three mistyped keys and one unrelated word.
    /// Guarantees: each mistyped key finds the right key, and the unrelated word finds none.
    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let keys = ["queue_size", "num_consumers", "tls"];
        assert_eq!(nearest("queue_sise", keys), Some("queue_size"));
        assert_eq!(nearest("num_consumer", keys), Some("num_consumers"));
        assert_eq!(nearest("tsl", keys), Some("tls"));
        assert_eq!(nearest("retry", keys), None);
    }
}
