//! Other ways to write the same: dag-cbor that departs from the canonical form in one place, signatures in other forms.

use oplog::{Value, cbor};

/// One departure from how a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A length or an integer in more bytes than it needs.
    LongHead,
    /// A length or an integer in eight bytes.
    LongestHead,
    /// A text, byte string, list or map of indefinite length.
    Indefinite,
    /// The tag that says "this is CBOR" in front.
    Tagged,
    /// A number as a float of 64, 32 or 16 bits.
    Float64,
    Float32,
    Float16,
    /// Null as undefined.
    Undefined,
    /// A map with its keys the other way round.
    Reversed,
    /// A map that names its first key twice.
    Duplicate,
    /// A map with one pair more.
    Added,
    /// A map or list with one item less.
    Removed,
    /// A map whose first key has another name.
    Renamed,
    /// A list with one item more.
    Longer,
    /// A text with a character that is no UTF-8 where it has U+FFFD.
    BadUtf8,
    /// A text in capitals.
    Capitals,
    /// A text as a byte string.
    AsBytes,
    /// A byte behind it.
    Trailing,
}

impl Form {
    pub const ALL: [Self; 18] = [
        Self::LongHead,
        Self::LongestHead,
        Self::Indefinite,
        Self::Tagged,
        Self::Float64,
        Self::Float32,
        Self::Float16,
        Self::Undefined,
        Self::Reversed,
        Self::Duplicate,
        Self::Added,
        Self::Removed,
        Self::Renamed,
        Self::Longer,
        Self::BadUtf8,
        Self::Capitals,
        Self::AsBytes,
        Self::Trailing,
    ];
}

/// The values and map keys in a value, itself included.
pub fn count_items(value: &Value) -> usize {
    1 + match value {
        Value::List(list) => list.iter().map(count_items).sum(),
        Value::Map(map) => map.iter().map(|(_, value)| 1 + count_items(value)).sum(),
        _ => 0,
    }
}

/// The value in canonical form but for the item number `at`; `None` when that item cannot depart in this way.
pub fn write_with(value: &Value, at: usize, form: Form) -> Option<Vec<u8>> {
    let mut writer = Writer { out: Vec::new(), left: at, form, departed: false };
    writer.value(value);
    writer.departed.then_some(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// Items before the one that departs.
    left: usize,
    form: Form,
    departed: bool,
}

impl Writer {
    /// The form of the next item, if it is the one.
    fn next(&mut self) -> Option<Form> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                None
            }
            None if self.departed => None,
            None => {
                self.departed = true;
                Some(self.form)
            }
        }
    }

    /// The item takes no such form after all.
    fn not_here(&mut self) {
        self.departed = false;
        self.left = usize::MAX;
    }

    fn value(&mut self, value: &Value) {
        let Some(form) = self.next() else { return self.plain(value) };
        match (form, value) {
            (Form::Trailing, _) => {
                self.plain(value);
                self.out.push(0);
            }
            (Form::Tagged, _) => {
                self.out.extend([0xd9, 0xd9, 0xf7]);
                self.plain(value);
            }
            (Form::Undefined, Value::Null) => self.out.push(0xf7),
            (_, Value::Text(text)) => self.text(text, form),
            (_, Value::Int(_) | Value::Float(_)) => self.number(value, form),
            (_, Value::Bytes(bytes)) if is_head(form) => self.string(2, bytes, form),
            (_, Value::List(list)) => self.list(list, form),
            (_, Value::Map(map)) => {
                let pairs = map.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
                self.map(pairs, form);
            }
            _ => self.not_here(),
        }
    }

    fn plain(&mut self, value: &Value) {
        match value {
            Value::List(list) => {
                self.head(4, list.len() as u64, None);
                list.iter().for_each(|item| self.value(item));
            }
            Value::Map(map) => {
                self.head(5, map.len() as u64, None);
                for (key, value) in map.iter() {
                    self.key(key);
                    self.value(value);
                }
            }
            other => self.out.extend(cbor::encode(other)),
        }
    }

    fn key(&mut self, key: &str) {
        match self.next() {
            Some(form) => self.text(key, form),
            None => self.out.extend(cbor::encode(&key.into())),
        }
    }

    fn text(&mut self, text: &str, form: Form) {
        match form {
            Form::BadUtf8 if text.contains('\u{fffd}') => {
                let mut bytes = text.as_bytes().to_vec();
                let at = bytes.windows(3).position(|three| three == "\u{fffd}".as_bytes()).unwrap_or(0);
                bytes.splice(at..at + 3, [0xff]);
                self.string(3, &bytes, Form::Capitals);
            }
            Form::Capitals => self.string(3, text.to_uppercase().as_bytes(), form),
            Form::AsBytes => self.string(2, text.as_bytes(), form),
            _ if is_head(form) => self.string(3, text.as_bytes(), form),
            _ => self.not_here(),
        }
    }

    fn string(&mut self, major: u8, bytes: &[u8], form: Form) {
        if form == Form::Indefinite {
            self.out.push(major << 5 | 31);
            self.head(major, bytes.len() as u64, None);
            self.out.extend_from_slice(bytes);
            self.out.push(0xff);
        } else {
            self.head(major, bytes.len() as u64, Some(form));
            self.out.extend_from_slice(bytes);
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "other numbers are other entries"
    )]
    fn number(&mut self, value: &Value, form: Form) {
        let (float, int) = match value {
            Value::Int(int) => (*int as f64, Some(*int)),
            Value::Float(float) => (*float, None),
            _ => return self.not_here(),
        };
        match (form, int) {
            (Form::Float64, Some(_)) => {
                self.out.push(0xfb);
                self.out.extend(float.to_be_bytes());
            }
            (Form::Float32, _) => {
                self.out.push(0xfa);
                self.out.extend((float as f32).to_be_bytes());
            }
            (Form::Float16, _) if float == 1.5 || float == 5.0 => {
                self.out.extend(if float == 1.5 { [0xf9, 0x3e, 0x00] } else { [0xf9, 0x45, 0x00] });
            }
            (Form::LongHead | Form::LongestHead, Some(int)) => {
                let (major, argument) = if int < 0 { (1, -1 - int) } else { (0, int) };
                self.head(major, argument as u64, Some(form));
            }
            _ => self.not_here(),
        }
    }

    fn list(&mut self, list: &[Value], form: Form) {
        let list = match form {
            Form::Removed if !list.is_empty() => &list[1..],
            _ => list,
        };
        let more = form == Form::Longer;
        match form {
            Form::Indefinite => self.out.push(0x9f),
            _ if is_head(form) => self.head(4, list.len() as u64, Some(form)),
            Form::Removed | Form::Longer => self.head(4, (list.len() + usize::from(more)) as u64, None),
            _ => return self.not_here(),
        }
        list.iter().for_each(|item| self.plain(item));
        match form {
            Form::Indefinite => self.out.push(0xff),
            Form::Longer => self.out.push(0xf6),
            _ => {}
        }
    }

    fn map(&mut self, mut pairs: Vec<(String, Value)>, form: Form) {
        match form {
            Form::Reversed => pairs.reverse(),
            Form::Duplicate => pairs.extend(pairs.first().cloned()),
            Form::Added => pairs.insert(0, ("_".to_owned(), Value::Int(1))),
            Form::Removed if !pairs.is_empty() => drop(pairs.remove(0)),
            Form::Renamed if !pairs.is_empty() => pairs[0].0.push('_'),
            Form::Indefinite | Form::LongHead | Form::LongestHead => {}
            _ => return self.not_here(),
        }
        match form {
            Form::Indefinite => self.out.push(0xbf),
            _ => self.head(5, pairs.len() as u64, Some(form)),
        }
        for (key, value) in &pairs {
            self.out.extend(cbor::encode(&key.as_str().into()));
            self.plain(value);
        }
        if form == Form::Indefinite {
            self.out.push(0xff);
        }
    }

    /// A head, in the shortest form unless `form` lengthens it.
    fn head(&mut self, major: u8, argument: u64, form: Option<Form>) {
        let needs = match argument {
            0..24 => 0,
            24..0x100 => 1,
            0x100..0x1_0000 => 2,
            0x1_0000..0x1_0000_0000 => 3,
            _ => 4,
        };
        let takes = match form {
            Some(Form::LongestHead) => 4,
            Some(Form::LongHead) => (needs + 1).min(4),
            _ => needs,
        };
        let bytes = argument.to_be_bytes();
        let major = major << 5;
        match takes {
            0 => self.out.push(major | bytes[7]),
            1 => self.out.extend([major | 24, bytes[7]]),
            2 => self.out.extend([&[major | 25], &bytes[6..]].concat()),
            3 => self.out.extend([&[major | 26], &bytes[4..]].concat()),
            _ => self.out.extend([&[major | 27], &bytes[..]].concat()),
        }
    }
}

fn is_head(form: Form) -> bool {
    matches!(form, Form::LongHead | Form::LongestHead | Form::Indefinite)
}

/// The order of secp256k1.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
    0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// Other forms of a DER signature in hex, each with what it is.
pub fn other_signatures(sig: &str) -> Vec<(&'static str, String)> {
    let der = hex::decode(sig).expect("hex");
    let r_end = 4 + usize::from(der[3]);
    let (r, s) = (&der[4..r_end], &der[r_end + 2..]);
    let minus_s = minimal(&subtract(s));
    let padded = |number: &[u8]| [&[0], number].concat();
    let bare = |number: &[u8]| number.strip_prefix(&[0]).map(<[u8]>::to_vec);
    let mut others = vec![
        ("capitals", sig.to_uppercase()),
        ("one capital", sig.replacen(|c: char| c.is_ascii_lowercase(), "A", 1)),
        ("high S", hex::encode(sequence(r, &minus_s))),
        ("r with a leading zero", hex::encode(sequence(&padded(r), s))),
        ("s with a leading zero", hex::encode(sequence(r, &padded(s)))),
        ("a byte behind", format!("{sig}00")),
        ("a byte within", hex::encode([&[0x30, der[1] + 1], &der[2..], &[0]].concat())),
        ("a long length", hex::encode([&[0x30, 0x81, der[1]], &der[2..]].concat())),
        ("a long length of r", hex::encode([&[0x30, der[1] + 1, 2, 0x81], &der[3..]].concat())),
        ("an indefinite length", hex::encode([&[0x30, 0x80], &der[2..], &[0, 0]].concat())),
        ("compact", hex::encode([fixed(r), fixed(s)].concat())),
        ("nothing", String::new()),
    ];
    if let Some(negative) = bare(r) {
        others.push(("a negative r", hex::encode(sequence(&negative, s))));
    }
    others.retain(|(_, other)| other != sig);
    others
}

fn sequence(r: &[u8], s: &[u8]) -> Vec<u8> {
    let body = [&[2, r.len() as u8], r, &[2, s.len() as u8], s].concat();
    [&[0x30, body.len() as u8], &body[..]].concat()
}

/// A number in 32 bytes.
fn fixed(number: &[u8]) -> Vec<u8> {
    let digits = number.strip_prefix(&[0]).unwrap_or(number);
    [vec![0; 32 - digits.len()], digits.to_vec()].concat()
}

/// The order of the curve minus the number.
fn subtract(number: &[u8]) -> Vec<u8> {
    let (mut result, mut borrow) = (fixed(number), 0_i16);
    for (digit, order) in result.iter_mut().zip(ORDER).rev() {
        let difference = i16::from(order) - i16::from(*digit) - borrow;
        borrow = i16::from(difference < 0);
        *digit = difference.rem_euclid(256) as u8;
    }
    result
}

/// A number as DER writes it.
fn minimal(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|digit| *digit != 0).unwrap_or(number.len() - 1);
    let digits = &number[start..];
    if digits[0] & 0x80 == 0 { digits.to_vec() } else { [&[0], digits].concat() }
}
