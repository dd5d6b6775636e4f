//! `service.telemetry.resource`: the attributes of this process.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::config::Unused;

/// The value of `resource`: a list of attributes, or the map of attributes that Collectors before 0.150 have.
/// The keys about detection have no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceConfig {
    /// The attributes by name. An attribute without a value removes a default one.
    pub attributes: BTreeMap<String, Option<String>>,
}

/// An item of `attributes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeConfig {
    name: String,
    value: AttributeValue,
    /// A label is a text, whatever the type.
    #[serde(default, rename = "type")]
    _type: Option<IgnoredAny>,
}

/// A value as a label shows it.
struct AttributeValue(Option<String>);

impl<'de> Deserialize<'de> for ResourceConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ResourceConfig, D::Error> {
        struct Resource;
        impl<'de> Visitor<'de> for Resource {
            type Value = ResourceConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with `attributes`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceConfig, A::Error> {
                let (mut listed, mut inline) = (Vec::new(), BTreeMap::new());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "attributes" => {
                            listed = map.next_value::<Option<Vec<AttributeConfig>>>()?.unwrap_or_default();
                        }
                        "detectors" | "detection/development" => {
                            map.next_value::<Option<Unused>>()?;
                        }
                        // Prometheus has no place for it.
                        "schema_url" => drop(map.next_value::<Option<String>>()?),
                        "attributes_list" => {
                            if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                                return Err(A::Error::custom(
                                    "`attributes_list` is not read: use `attributes`",
                                ));
                            }
                        }
                        _ => drop(inline.insert(key, map.next_value::<Option<String>>()?)),
                    }
                }
                if !listed.is_empty() && !inline.is_empty() {
                    return Err(A::Error::custom(
                        "`attributes` and attributes beside it exclude each other: put all into `attributes`",
                    ));
                }
                inline.extend(listed.into_iter().map(|attribute| (attribute.name, attribute.value.0)));
                Ok(ResourceConfig { attributes: inline })
            }
        }
        from.deserialize_map(Resource)
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AttributeValue, D::Error> {
        struct Shown;
        impl<'de> Visitor<'de> for Shown {
            type Value = AttributeValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, `true` or `false`, or a list of them")
            }

            fn visit_unit<E>(self) -> Result<AttributeValue, E> {
                Ok(AttributeValue(None))
            }

            fn visit_bool<E>(self, value: bool) -> Result<AttributeValue, E> {
                Ok(AttributeValue::shown(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::shown(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::shown(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::shown(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue::shown(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AttributeValue, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<serde_json::Value>()? {
                    items.push(item);
                }
                Ok(AttributeValue::shown(serde_json::Value::Array(items)))
            }
        }
        from.deserialize_any(Shown)
    }
}

impl AttributeValue {
    fn shown(value: impl fmt::Display) -> AttributeValue {
        AttributeValue(Some(value.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Node;

    fn parse(yaml: &str) -> Node {
        Node::parse("otel.yaml", yaml).unwrap()
    }

    #[track_caller]
    fn check(yaml: &str, expected: &[(&str, Option<&str>)]) {
        let read: ResourceConfig = parse(yaml).read().unwrap();
        let read: Vec<_> = read.attributes.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        assert_eq!(read, expected, "{yaml}");
    }

    /// Scenario: attributes as a list with values of several types, and as the older map.
    /// Guarantees: both forms are read, and a value is what a label shows.
    #[test]
    fn attributes_are_a_list_or_a_map() {
        check(
            "service.name: shop\nservice.instance.id:\n",
            &[("service.instance.id", None), ("service.name", Some("shop"))],
        );
        let list = "attributes:
- { name: a, value: shop }
- { name: b, value: true, type: bool }
- { name: c, value: 7 }
- { name: d, value: [x, y], type: string_array }
schema_url: https://example.com
detectors:
";
        check(
            list,
            &[("a", Some("shop")), ("b", Some("true")), ("c", Some("7")), ("d", Some(r#"["x","y"]"#))],
        );
    }

    /// Scenario: detectors, which Spanloom does not have, and a mixture of both forms.
    /// Guarantees: the first is one warning, and the second an error that says what to do.
    #[test]
    fn detectors_are_warned_of_and_a_mixture_is_refused() {
        let unused = parse("detectors: { attributes: { included: ['*'] } }").unused::<ResourceConfig>();
        let messages: Vec<_> = unused.into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["`detectors` has no effect in Spanloom"]);
        let error = parse("attributes: [{ name: a, value: b }]\nc: d\n").read::<ResourceConfig>();
        assert!(error.unwrap_err().to_string().contains("put all into `attributes`"));
    }
}
