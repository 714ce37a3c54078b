//! The JSON form, bottom-up: `{"base": {"use": "os-tcp"}, "layers": [{"use": "tls"}]}`
//! (LAY-190, LAY-191). Durations are numbers of milliseconds.

use core::time::Duration;

use serde_json::{Map, Value, json};

use super::{BaseSpec, LayerSpec, StackSpec};
use crate::error::{SpecFault, SpecFaultKind};

mod base;
mod layer;

impl StackSpec {
    /// Reads and checks a specification from JSON text, as a policy's `stack` key holds it.
    ///
    /// # Errors
    /// As `from_json`; `WrongType` at `$` for text that is no JSON.
    pub fn parse(text: &str) -> Result<Self, SpecFault> {
        let value = serde_json::from_str(text);
        let value = value.map_err(|_| SpecFault::new("$", SpecFaultKind::WrongType("JSON")))?;
        Self::from_json(&value)
    }

    /// Reads and checks a specification.
    ///
    /// # Errors
    /// The first fault, with its path.
    pub fn from_json(value: &Value) -> Result<Self, SpecFault> {
        let mut members = Members::of(value, "$")?;
        let base = members.value("base").ok_or_else(|| members.missing("base"))?;
        let base = BaseSpec::read(Members::of(base, "$.base")?)?;
        let mut layers = Vec::new();
        if let Some(list) = members.value("layers") {
            let path = members.path_of("layers");
            let wrong = || SpecFault::new(&path, SpecFaultKind::WrongType("an array"));
            for (level, layer) in list.as_array().ok_or_else(wrong)?.iter().enumerate() {
                layers.push(LayerSpec::read(Members::of(layer, &format!("{path}[{level}]"))?)?);
            }
        }
        members.finish()?;
        let spec = Self { base, layers };
        spec.check().map(|()| spec)
    }

    /// The same specification as JSON; passwords and keys are left out, references to them stay.
    /// Members at their defaults are left out too.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let layers: Vec<_> = self.layers.iter().map(LayerSpec::write).collect();
        json!({ "base": self.base.write(), "layers": layers })
    }
}

/// An object being read: every member must be asked for.
struct Members<'a> {
    map: &'a Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, path: &str) -> Result<Self, SpecFault> {
        let wrong = || SpecFault::new(path, SpecFaultKind::WrongType("an object"));
        let map = value.as_object().ok_or_else(wrong)?;
        Ok(Self { map, path: path.to_owned(), known: Vec::new() })
    }

    fn path_of(&self, member: &str) -> String {
        format!("{}.{member}", self.path)
    }

    fn missing(&self, member: &str) -> SpecFault {
        SpecFault::new(&self.path_of(member), SpecFaultKind::Missing)
    }

    fn wrong(&self, member: &str, expected: &'static str) -> SpecFault {
        SpecFault::new(&self.path_of(member), SpecFaultKind::WrongType(expected))
    }

    fn invalid(&self, member: &str, expected: &'static str) -> SpecFault {
        SpecFault::new(&self.path_of(member), SpecFaultKind::Invalid(expected))
    }

    /// `null` is the same as absent, but for members that say otherwise.
    fn value(&mut self, member: &'static str) -> Option<&'a Value> {
        self.raw(member).filter(|value| !value.is_null())
    }

    fn raw(&mut self, member: &'static str) -> Option<&'a Value> {
        self.known.push(member);
        self.map.get(member)
    }

    /// The member, read by `read`.
    fn get<T>(
        &mut self,
        member: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, SpecFault> {
        let Some(value) = self.value(member) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(member, expected))
    }

    fn text(&mut self, member: &'static str) -> Result<Option<String>, SpecFault> {
        self.get(member, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn needed_text(&mut self, member: &'static str) -> Result<String, SpecFault> {
        self.text(member)?.ok_or_else(|| self.missing(member))
    }

    fn flag(&mut self, member: &'static str, into: &mut bool) -> Result<(), SpecFault> {
        let flag = self.get(member, "true or false", Value::as_bool)?;
        *into = flag.unwrap_or(*into);
        Ok(())
    }

    /// A number in `T`'s range.
    fn number<T: TryFrom<u64>>(&mut self, member: &'static str) -> Result<Option<T>, SpecFault> {
        self.get(member, "a whole number in range", |value| {
            value.as_u64().and_then(|number| T::try_from(number).ok())
        })
    }

    fn millis(&mut self, member: &'static str, into: &mut Duration) -> Result<(), SpecFault> {
        if let Some(millis) = self.number::<u32>(member)? {
            *into = Duration::from_millis(millis.into());
        }
        Ok(())
    }

    /// One word of a closed list.
    fn word<T: Copy>(
        &mut self,
        member: &'static str,
        words: &[(&str, T)],
        expected: &'static str,
        into: &mut T,
    ) -> Result<(), SpecFault> {
        if let Some(text) = self.text(member)? {
            let found = words.iter().find(|(word, _)| *word == text);
            *into = found.map(|(_, value)| *value).ok_or_else(|| self.invalid(member, expected))?;
        }
        Ok(())
    }

    fn texts(&mut self, member: &'static str) -> Result<Vec<String>, SpecFault> {
        let texts = self.get(member, "an array of strings", |value| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            value.as_array()?.iter().map(text).collect()
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// What was never asked for is unknown.
    fn finish(&self) -> Result<(), SpecFault> {
        match self.map.keys().find(|key| !self.known.contains(&key.as_str())) {
            Some(key) => Err(SpecFault::new(&self.path_of(key), SpecFaultKind::UnknownMember)),
            None => Ok(()),
        }
    }
}

/// An object being written: members at their defaults are left out.
struct Written(Map<String, Value>);

impl Written {
    fn new(name: &str) -> Self {
        Self(Map::from_iter([("use".to_owned(), name.into())]))
    }

    fn put<T: PartialEq>(
        &mut self,
        member: &str,
        value: &T,
        default: &T,
        form: impl FnOnce(&T) -> Value,
    ) {
        if value != default {
            self.0.insert(member.to_owned(), form(value));
        }
    }

    fn put_flag(&mut self, member: &str, value: bool, default: bool) {
        self.put(member, &value, &default, |&flag| flag.into());
    }

    fn put_text(&mut self, member: &str, value: Option<&String>) {
        self.put(member, &value, &None, |text| json!(text));
    }

    fn put_millis(&mut self, member: &str, value: Duration, default: Duration) {
        self.put(member, &value, &default, |wait| millis(*wait));
    }
}

fn millis(wait: Duration) -> Value {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into()
}
