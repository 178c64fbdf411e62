//! Reading JSON of which nothing is certain: every field may be missing, of another type, or in the other case.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::cut;

/// An object's fields. Names are given in snake_case and found in camelCase too.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Of a value that is an object.
    #[must_use]
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// A field that is there and not null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let there = |name: &str| self.0.get(name).filter(|value| !value.is_null());
        there(name).or_else(|| there(&camel(name)))
    }

    /// Words as they came, with the white space around them; at least one character.
    #[must_use]
    pub fn verbatim(&self, name: &str) -> Option<String> {
        self.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The first of these fields that holds words, and not only white space, [`cut`] to so many bytes.
    #[must_use]
    pub fn text(&self, names: &[&str], limit: usize) -> Option<String> {
        let mut texts = names.iter().filter_map(|name| self.get(name)?.as_str());
        texts.find(|text| !text.trim().is_empty()).map(|text| cut(text, limit))
    }

    /// The first of these fields that holds anything but an empty text, as words or else as JSON, [`cut`] to so many
    /// bytes.
    #[must_use]
    pub fn words(&self, names: &[&str], limit: usize) -> Option<String> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::String(text) => Some(cut(text, limit)).filter(|text| !text.is_empty()),
            other => Some(cut(&other.to_string(), limit)),
        })
    }

    /// The first of these fields that holds a name: words, [`cut`] to so many bytes, or a number where an id is one.
    #[must_use]
    pub fn name(&self, names: &[&str], limit: usize) -> Option<String> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(cut(text, limit)),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// A number of things: a number, digits, or the length of a list.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => {
                number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
            }
            Value::String(digits) => digits.trim().parse().ok(),
            Value::Array(list) => Some(list.len() as u64),
            _ => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// A yes or no.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// A list; its length is not bounded.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&'a [Value]> {
        self.get(name)?.as_array().map(Vec::as_slice)
    }

    /// An object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::of)
    }

    /// Whether a field is there and holds something: not an empty list, object or text.
    #[must_use]
    pub fn is_filled(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(object)) => !object.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
            None => false,
        }
    }

    /// A duration in milliseconds.
    #[must_use]
    pub fn ms(&self, names: &[&str]) -> Option<Duration> {
        let ms = names.iter().find_map(|name| self.get(name)?.as_f64())?;
        Duration::try_from_secs_f64(ms / 1e3).ok()
    }

    /// The object's fields and their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_in_both_cases_and_wrong_types_are_nothing() {
        let value = json!({
            "isConscious": true, "state": "focused", "thoughts_processed": "7", "list": [1, 2], "id": 5,
            "none": null, "minus": -1, "text": " ", "empty": "", "long": "too many words", "half": 2.5, "duration": 1500, "huge": 1e300,
        });
        let fields = Fields::of(&value).unwrap();
        assert_eq!(fields.flag("is_conscious"), Some(true));
        assert_eq!(fields.flag("state"), None);
        assert_eq!(fields.text(&["text", "state"], 99).as_deref(), Some("focused"));
        assert_eq!(fields.text(&["list", "none", "missing"], 99), None);
        assert_eq!(fields.words(&["none", "list"], 99).as_deref(), Some("[1,2]"));
        assert_eq!(fields.words(&["empty", "id"], 99).as_deref(), Some("5"));
        assert_eq!(fields.verbatim("text").as_deref(), Some(" "));
        assert_eq!((fields.verbatim("empty"), fields.verbatim("id")), (None, None));
        assert_eq!((fields.number("half"), fields.number("state")), (Some(2.5), None));
        assert_eq!(fields.text(&["long"], 9).as_deref(), Some("too […]"));
        assert_eq!(fields.words(&["long"], 9).as_deref(), Some("too […]"));
        assert_eq!(fields.name(&["long"], 9).as_deref(), Some("too […]"));
        assert_eq!(fields.name(&["id"], 99).as_deref(), Some("5"));
        assert_eq!(fields.count("thoughts_processed"), Some(7));
        assert_eq!(fields.count("list"), Some(2));
        assert_eq!(fields.count("half"), Some(2));
        assert_eq!(fields.count("minus"), None);
        assert_eq!(fields.ms(&["latency_ms", "duration"]), Some(Duration::from_millis(1500)));
        assert_eq!(fields.ms(&["minus"]), None);
        assert_eq!(fields.ms(&["huge"]), None);
        assert!(Fields::of(&json!([1])).is_none());
    }
}
