//! Bodies of any length, which go by in pieces: neither side holds one whole.

use super::{Client, ClientError, MAX_ANSWER_BYTES, Reply, Request};
use std::io::Read;
use ureq::{BodyReader, SendBody, http};

impl Client {
    /// Downloads what the path names, however long it is.
    ///
    /// # Errors
    /// There is no answer, or a refusal.
    pub fn download(&self, path: &str) -> Result<BodyReader<'static>, ClientError> {
        let response = self.run(&Request::new("GET", path), None)?;
        if response.status() != http::StatusCode::OK {
            self.reply(response)?.accepted()?;
            return Err(ClientError::NotANode {
                base: self.base.clone(),
                reason: "an empty answer".to_owned(),
            });
        }
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Uploads a body of this media type, however long it is, and waits for the answer as long as it takes.
    ///
    /// # Errors
    /// There is no answer, or a refusal; or the body cannot be read.
    pub fn upload(&self, path: &str, media_type: &str, mut body: impl Read) -> Result<Reply, ClientError> {
        let bad_url = |_| ClientError::Url(self.base.clone());
        let mut head = http::Request::builder().method("POST").uri(format!("{}{path}", self.base));
        head = head.header("content-type", media_type);
        if let Some(authorization) = &self.authorization {
            head = head.header("authorization", authorization);
        }
        let request = head.body(SendBody::from_reader(&mut body)).map_err(bad_url)?;
        let answer = self.agent.run(request).map_err(|error| self.failure(&error))?;
        self.reply(answer)?.accepted()
    }

    pub(super) fn reply(&self, mut response: http::Response<ureq::Body>) -> Result<Reply, ClientError> {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let (content_type, next) =
            (content_type.to_owned(), header("link").and_then(super::message::next_of));
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        let body = body.map_err(|error| self.failure(&error))?;
        let sent_token = self.authorization.is_some();
        Ok(Reply { base: self.base.clone(), sent_token, status, content_type, next, body })
    }
}
