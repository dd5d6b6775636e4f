//! Chooses a format from the header `Accept`.

use super::Escaping;

/// The format, version and escaping of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) format: Format,
    /// The version that the request asked for. The response names the same version.
    version: &'static str,
    pub(crate) escaping: Escaping,
    escaping_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    OpenMetrics,
    /// Messages `io.prometheus.client.MetricFamily`, each with its length before it.
    Protobuf,
}

/// One media range of `Accept`.
struct Range<'a> {
    media: &'a str,
    parameters: &'a str,
    /// The quality in thousandths.
    quality: u32,
}

const OPEN_METRICS: &str = "application/openmetrics-text";
const PROTOBUF: &str = "application/vnd.google.protobuf";

/// Returns the format with the highest quality, and the first of several. Like client libraries, falls back
/// to text.
pub(crate) fn negotiate(accept: &str, open_metrics: bool) -> Wanted {
    let mut ranges: Vec<Range<'_>> =
        accept.split(',').map(Range::of).filter(|range| range.quality > 0).collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.quality));
    let text = Wanted {
        format: Format::Text,
        version: "0.0.4",
        escaping: Escaping::default(),
        escaping_asked: false,
    };
    ranges.iter().find_map(|range| range.wanted(open_metrics)).unwrap_or(text)
}

impl Wanted {
    pub(crate) fn content_type(self) -> String {
        let version = self.version;
        let mut text = match self.format {
            Format::Text => format!("text/plain; version={version}; charset=utf-8"),
            Format::OpenMetrics => format!("{OPEN_METRICS}; version={version}; charset=utf-8"),
            Format::Protobuf => {
                format!("{PROTOBUF}; proto=io.prometheus.client.MetricFamily; encoding=delimited")
            }
        };
        if self.escaping_asked {
            text.push_str("; escaping=");
            text.push_str(self.escaping.text());
        }
        text
    }
}

impl<'a> Range<'a> {
    fn of(text: &'a str) -> Range<'a> {
        let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut range = Range { media: media.trim(), parameters, quality: 1_000 };
        if let Some(quality) = range.parameter("q") {
            let quality: f64 = quality.parse().unwrap_or(0.0);
            range.quality = (quality.clamp(0.0, 1.0) * 1_000.0) as u32;
        }
        range
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }

    fn wanted(&self, open_metrics: bool) -> Option<Wanted> {
        let version = self.parameter("version");
        let one_of = |versions: [&'static str; 2], default| match version {
            None | Some("") => Some(default),
            Some(asked) => versions.into_iter().find(|version| *version == asked),
        };
        let is = |media: &str| self.media.eq_ignore_ascii_case(media);
        let (format, version) = if is(PROTOBUF) {
            let asked = (self.parameter("proto")?, self.parameter("encoding")?);
            (asked == ("io.prometheus.client.MetricFamily", "delimited")).then_some((Format::Protobuf, ""))?
        } else if is(OPEN_METRICS) && open_metrics {
            (Format::OpenMetrics, one_of(["1.0.0", "0.0.1"], "0.0.1")?)
        } else if is("text/plain") {
            (Format::Text, one_of(["1.0.0", "0.0.4"], "0.0.4")?)
        } else if is("*/*") || is("text/*") {
            (Format::Text, "0.0.4")
        } else {
            return None;
        };
        let escaping = self.parameter("escaping").and_then(Escaping::of);
        Some(Wanted {
            format,
            version,
            escaping: escaping.unwrap_or_default(),
            escaping_asked: escaping.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
        application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
        text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const WITH_PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
        encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1";

    fn answer(accept: &str, open_metrics: bool) -> String {
        negotiate(accept, open_metrics).content_type()
    }

    #[test]
    fn prometheus_gets_what_it_likes_best() {
        let protobuf =
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        assert_eq!(answer(WITH_PROTOBUF, true), protobuf);
        let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
        assert_eq!(answer(PROMETHEUS, true), open_metrics);
        assert_eq!(
            answer(PROMETHEUS, false),
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        );
    }

    #[test]
    fn everyone_else_gets_text() {
        for accept in
            ["", "*/*", "text/html,*/*;q=0.8", "application/json", "text/plain;version=7", "text/plain;q=x"]
        {
            assert_eq!(answer(accept, true), "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        }
        let no_protobuf = "application/vnd.google.protobuf;proto=other;encoding=delimited";
        assert_eq!(negotiate(no_protobuf, true).format, Format::Text);
    }

    #[test]
    fn quality_decides_and_zero_is_a_refusal() {
        let either = |a, b| format!("text/plain;q={a}, application/openmetrics-text; version=1.0.0; q={b}");
        assert_eq!(negotiate(&either("0.5", "0.4"), true).format, Format::Text);
        assert_eq!(negotiate(&either("0.4", "0.5"), true).format, Format::OpenMetrics);
        assert_eq!(negotiate(&either("1", "1"), true).format, Format::Text);
        assert_eq!(negotiate(&either("0", "0.001"), true).format, Format::OpenMetrics);
    }
}
