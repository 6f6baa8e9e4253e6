//! The data model: what a block can hold.

use cid::Cid;

/// `Number.MAX_SAFE_INTEGER`: 2^53 - 1. Integral numbers up to this magnitude are CBOR integers, others are floats.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// One value of the data model.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`; JavaScript's `undefined` is read as this.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from -2^64 to 2^64 - 1, the range of CBOR. Beyond the safe range JavaScript shows it as a BigInt.
    Int(i128),
    /// A finite number that is no safe integer; see [`Value::number`].
    Float(f64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map with text keys.
    Map(Map),
    /// A link to another block (tag 42). OrbitDB itself uses texts instead; applications may use these.
    Link(Cid),
}

/// NaN and the infinities have no form in dag-cbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("NaN and infinities cannot be stored")]
pub struct NotFinite;

impl Value {
    /// A JavaScript number: safe integers (`5.0` and `-0` among them) become [`Value::Int`], all else stays a float.
    pub fn number(number: f64) -> Result<Self, NotFinite> {
        if !number.is_finite() {
            return Err(NotFinite);
        }
        Ok(match safe_integer(number) {
            Some(int) => Self::Int(int.into()),
            None => Self::Float(number),
        })
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }
}

/// `number` as an integer when JavaScript would take it for a safe one.
pub(crate) fn safe_integer(number: f64) -> Option<i64> {
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in an f64")]
    let limit = MAX_SAFE_INTEGER as f64;
    if number.fract() != 0.0 || number.abs() > limit {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "integral and within 2^53")]
    Some(number as i64)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int.into())
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}

/// A map with unique text keys, kept in canonical order: by length of the key in UTF-8, then bytewise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

/// A map names one key twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("repeated map key {0:?}")]
pub struct DuplicateKey(pub String);

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// A map of these pairs, in any order.
    pub fn from_pairs(pairs: Vec<(String, Value)>) -> Result<Self, DuplicateKey> {
        Self::read(pairs).map(|(map, _)| map)
    }

    /// A map of these pairs, and whether they stood in canonical order.
    pub(super) fn read(mut pairs: Vec<(String, Value)>) -> Result<(Self, bool), DuplicateKey> {
        let in_order = pairs.is_sorted_by(|(a, _), (b, _)| canonical(a, b).is_lt());
        if !in_order {
            pairs.sort_by(|(a, _), (b, _)| canonical(a, b));
            if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(DuplicateKey(twice[0].0.clone()));
            }
        }
        Ok((Self(pairs), in_order))
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// Sets `key`, giving back what was there.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The pairs, in canonical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(probe, _)| canonical(probe, key))
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Builds a map from pairs whose keys the caller wrote down, and so knows to differ; a later pair wins.
impl<K: Into<String>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

fn canonical(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}
