//! Conditional requests (RFC 9110, section 13): `If-Match` and `If-None-Match` against the entry that a key shows, whose hash
//! is the key's `ETag`.

use super::{
    Api,
    problem::{Kind, Problem},
};
use crate::database::Precondition;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use oplog::Hash;

/// The conditions of a request.
#[derive(Debug)]
pub(super) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// Entity tags as a client lists them.
#[derive(Debug)]
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug)]
struct Tag {
    weak: bool,
    text: String,
}

impl FromRequestParts<Api> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        Self::parse(&parts.headers)
    }
}

impl Conditions {
    fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        let if_match = Tags::read(headers, &header::IF_MATCH)?;
        Ok(Self { if_match, if_none_match: Tags::read(headers, &header::IF_NONE_MATCH)? })
    }

    /// The conditions for a write, to be looked at when nothing can come between.
    pub(super) fn into_precondition(self) -> Option<Precondition> {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return None;
        }
        Some(Precondition::new(move |current| self.matches(current) && self.is_new(current)))
    }

    /// The answer to a reader whom the conditions spare the value, which an entry shows.
    pub(super) fn spare(&self, current: &Hash) -> Option<Response> {
        if !self.matches(Some(current)) {
            let detail = format!("the key is at entry {current} now");
            return Some(Problem::new(Kind::PreconditionFailed, detail).into_response());
        }
        let known = || (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(current))]).into_response();
        (!self.is_new(Some(current))).then(known)
    }

    /// `If-Match`: weak tags match nothing.
    fn matches(&self, current: Option<&Hash>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.name(current, |tag| !tag.weak))
    }

    /// `If-None-Match`: weak tags are as good as others.
    fn is_new(&self, current: Option<&Hash>) -> bool {
        self.if_none_match.as_ref().is_none_or(|tags| !tags.name(current, |_| true))
    }
}

impl Tags {
    /// Reads a header. What is none is refused: a condition that is ignored loses somebody's update.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let tags = str::from_utf8(&lines.join(&b',')).ok().and_then(Self::parse);
        let malformed =
            || Problem::new(Kind::MalformedHead, format!("{name}: expected * or tags in quotes, as in ETag"));
        tags.ok_or_else(malformed).map(Some)
    }

    fn parse(text: &str) -> Option<Self> {
        /// What may stand around the tags of a list.
        const AROUND: [char; 3] = [' ', '\t', ','];
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut rest, mut tags) = (text.trim_matches(AROUND), Vec::new());
        loop {
            let opaque = rest.strip_prefix("W/");
            let (tag, behind) = opaque.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
            tags.push(Tag { weak: opaque.is_some(), text: tag.to_owned() });
            if behind.is_empty() {
                return Some(Self::Listed(tags));
            }
            rest = behind.trim_start().strip_prefix(',')?.trim_start_matches(AROUND);
        }
    }

    /// Whether the tag of the current entry is among these, as far as they count.
    fn name(&self, current: Option<&Hash>, counts: impl Fn(&Tag) -> bool) -> bool {
        let Some(current) = current.map(Hash::to_string) else { return false };
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| counts(tag) && tag.text == current),
        }
    }
}

/// The entity tag of a key whose value an entry has set.
pub(super) fn etag(hash: &Hash) -> HeaderValue {
    // Digits and letters always are a header's value.
    HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(given: &[(&'static str, String)]) -> Result<Conditions, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Conditions::parse(&headers)
    }

    fn holds(given: &[(&'static str, String)], current: Option<&Hash>) -> bool {
        let conditions = conditions(given).unwrap();
        conditions.matches(current) && conditions.is_new(current)
    }

    #[test]
    fn tags_are_compared_as_rfc_9110_has_it() {
        let (one, other) = (Hash::of(b"one"), Hash::of(b"other"));
        let quoted = format!("\"{one}\"");
        for (name, value, at_one, at_other, at_none) in [
            ("if-match", quoted.clone(), true, false, false),
            ("if-match", format!("\"{other}\", {quoted}"), true, true, false),
            ("if-match", format!("W/{quoted}"), false, false, false),
            ("if-match", "*".to_owned(), true, true, false),
            ("if-none-match", quoted.clone(), false, true, true),
            ("if-none-match", format!("W/{quoted}"), false, true, true),
            ("if-none-match", format!("\"x\",{quoted}"), false, true, true),
            ("if-none-match", "*".to_owned(), false, false, true),
        ] {
            let given = [(name, value.clone())];
            let found = [Some(&one), Some(&other), None].map(|current| holds(&given, current));
            assert_eq!(found, [at_one, at_other, at_none], "{name}: {value}");
        }
        let lines = [("if-match", format!("\"{other}\"")), ("if-match", quoted)];
        assert!(holds(&lines, Some(&one)), "several lines are one list");
        assert!(holds(&[], None));
    }

    #[test]
    fn what_is_no_tag_is_refused_rather_than_ignored() {
        for bad in ["zdpuA", "\"open", "", "*, \"a\"", "\"a\" \"b\"", "w/\"a\""] {
            let refused = conditions(&[("if-match", bad.to_owned())]).unwrap_err();
            assert_eq!(refused.kind(), Kind::MalformedHead, "{bad}");
        }
    }
}
