//! Requests and answers in the terms of the Engine API: queries, filters, error bodies, streams.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::clock::{self, Nanos};

/// The body of every answer; what is streamed ends when the client lets go of it.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a handler gives back.
pub type Answer = Result<Response<Body>, Refusal>;

/// The largest request body that is read: archives into a container are held in memory.
const BODY_LIMIT: usize = 64 << 20;

/// An error as Docker answers it: a status and `{"message": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// Docker's wording.
    pub message: String,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The answer that carries this refusal.
    pub fn answer(&self) -> Response<Body> {
        json(self.status, &BTreeMap::from([("message", &self.message)]))
    }
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Body> {
    respond(status, Empty::new().boxed_unsync())
}

/// An answer with a JSON body; Go's encoder ends each with a newline, and so does this.
pub fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Response<Body> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    bytes(status, "application/json", text)
}

/// 200 with a JSON body.
pub fn ok<T: Serialize + ?Sized>(value: &T) -> Response<Body> {
    json(StatusCode::OK, value)
}

/// An answer with a body of this type.
pub fn bytes(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = respond(status, Full::new(body.into()).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// 200 with a body that arrives piece by piece (chunked); `kind` as its content type.
pub fn stream<S>(kind: Option<&'static str>, pieces: S) -> Response<Body>
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let mut response = respond(StatusCode::OK, StreamBody::new(frames).boxed_unsync());
    if let Some(kind) = kind {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

fn respond(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Reads a whole request body.
pub async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) => Err(Refusal::bad(format!("reading the request body: {error}"))),
    }
}

/// Reads a JSON request body; an empty one is `{}`.
pub async fn read_json<T: DeserializeOwned>(body: Incoming) -> Result<T, Refusal> {
    let text = read(body).await?;
    let text = if text.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        text
    };
    serde_json::from_slice(&text).map_err(|error| Refusal::bad(error.to_string()))
}

/// The query of a request, decoded.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=%20`.
    pub fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        };
        Self(
            text.split('&')
                .filter(|part| !part.is_empty())
                .map(pair)
                .collect(),
        )
    }

    /// The value of a parameter; absent and empty are the same to Docker.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(key, _)| key == name)?.1.as_str();
        (!value.is_empty()).then_some(value)
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Docker's reading of a boolean.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            !matches!(
                value.trim().to_ascii_lowercase().as_str(),
                "" | "0" | "no" | "false" | "none"
            )
        })
    }

    /// A number, with Go's error when it is none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let wrong = |_| format!("strconv.Atoi: parsing \"{text}\": invalid syntax");
        text.parse()
            .map(Some)
            .map_err(wrong)
            .map_err(Refusal::internal)
    }

    /// A moment (`since`, `until`); none when it is absent or `0`, which Docker takes for the same.
    pub fn moment(&self, name: &str) -> Result<Option<Nanos>, Refusal> {
        let given = self.get(name).filter(|text| *text != "0");
        given
            .map(clock::parse_moment)
            .transpose()
            .map_err(Refusal::internal)
    }

    /// The `filters` parameter.
    pub fn filters(&self) -> Result<Filters, Refusal> {
        self.get("filters")
            .map_or_else(|| Ok(Filters::default()), Filters::parse)
    }
}

/// Docker's filters: each key with the values that are let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads `{"label":["a"]}` or the Go client's `{"label":{"a":true}}`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Values {
            List(Vec<String>),
            Set(BTreeMap<String, bool>),
        }
        let map: BTreeMap<String, Values> = serde_json::from_str(text).map_err(|_| {
            let first = text.chars().next().unwrap_or(' ');
            Refusal::internal(format!(
                "invalid character '{first}' looking for beginning of value"
            ))
        })?;
        let list = |values| match values {
            Values::List(list) => list,
            Values::Set(set) => set
                .into_iter()
                .filter(|(_, on)| *on)
                .map(|(key, _)| key)
                .collect(),
        };
        Ok(Self(
            map.into_iter()
                .map(|(key, values)| (key, list(values)))
                .collect(),
        ))
    }

    /// Refuses keys that the endpoint does not know, in Docker's words.
    pub fn allow(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Refusal::bad(format!("Invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// The values of a key; empty when it is not filtered by.
    pub fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether `test` holds for any value of the key, or the key is not filtered by.
    pub fn any(&self, key: &str, test: impl Fn(&str) -> bool) -> bool {
        let values = self.values(key);
        values.is_empty() || values.iter().any(|value| test(value))
    }

    /// Whether the labels satisfy every `label` filter (`key` or `key=value`) and no `label!`.
    pub fn labels<'a>(&self, find: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => find(key).is_some_and(|found| found == value),
            None => find(wanted).is_some(),
        };
        self.values("label").iter().all(has) && !self.values("label!").iter().any(has)
    }

    /// The same for labels in a map.
    pub fn label_map(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels(|key| labels.get(key).map(Cow::from))
    }
}

/// Percent-decoding; `+` is a space, as in Go's query parser.
pub fn decode(text: &str) -> String {
    let hex = |digit: Option<&u8>| digit.and_then(|d| char::from(*d).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_read_as_docker_reads_them() {
        let query = Query::parse("all=1&size=false&name=a%2Fb+c&empty=");
        assert!(query.flag("all"));
        assert!(!query.flag("size"));
        assert!(!query.flag("empty"));
        assert_eq!(query.get("name"), Some("a/b c"));
        assert_eq!(query.number::<u32>("all"), Ok(Some(1)));
        let wrong = query
            .number::<u32>("name")
            .map_err(|refusal| refusal.message);
        assert_eq!(
            wrong,
            Err("strconv.Atoi: parsing \"a/b c\": invalid syntax".into())
        );
    }

    #[test]
    fn both_shapes_of_filters_mean_the_same() {
        let list = Filters::parse(r#"{"label":["a","b=c"]}"#);
        let set = Filters::parse(r#"{"label":{"a":true,"b=c":true,"d":false}}"#);
        assert_eq!(list, set);
        let labels = BTreeMap::from([("a".to_owned(), "x".to_owned()), ("b".into(), "c".into())]);
        assert!(list.is_ok_and(|filters| filters.label_map(&labels)));
    }
}
