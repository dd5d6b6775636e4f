//! Hides confidential data, and tags each span with its service.

use spanloom_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Redactor {
    /// Attributes whose value becomes `***`.
    keys: Vec<String>,
    /// Text attributes whose query string becomes `?***`.
    query_keys: Vec<String>,
    /// The attribute that takes the service's name.
    tag: Option<String>,
}

impl Default for Redactor {
    fn default() -> Self {
        Redactor { keys: Vec::new(), query_keys: vec!["url.full".into(), "http.url".into()], tag: None }
    }
}

impl Processor for Redactor {
    fn describe(of_crate: Description) -> Description {
        of_crate.with_schema(include_str!("../config.schema.json"))
    }

    fn process_spans(&mut self, mut spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        for key in &self.keys {
            spans.replace_all(key, "***")?;
        }
        for key in &self.query_keys {
            let cut = spans.text(key).filter_map(without_query);
            spans.set_text(key, &cut)?;
        }
        if let Some(tag) = &self.tag {
            let (services, resources) = (spans.resource_text("service.name"), spans.resources_of_spans());
            let services = services.dense(spans.resource_count());
            let service = |resource: u32| *services.get(resource as usize)?;
            let tags = (0..).zip(resources).filter_map(|(row, resource)| Some((row, service(resource)?)));
            spans.set_text(tag, &tags.collect())?;
        }
        out.pass(spans);
        Ok(())
    }
}

/// Appends the URL with its query hidden. Returns false for a URL without a query, which stays as it is.
fn without_query(url: &str, out: &mut String) -> bool {
    let Some((path, _)) = url.split_once('?') else { return false };
    out.push_str(path);
    out.push_str("?***");
    true
}

spanloom_plugin::processor!(Redactor);

#[cfg(test)]
mod tests;
